SELECT table_name, (extract(epoch FROM before) * 1000000)::bigint AS before_us FROM expired
