SELECT create_samples_head($1)
