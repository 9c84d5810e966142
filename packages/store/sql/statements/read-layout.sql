SELECT layout FROM store_layout
