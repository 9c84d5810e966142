SELECT 'series_inputs'::regtype::oid::integer AS oid
