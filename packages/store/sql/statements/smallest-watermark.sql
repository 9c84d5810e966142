SELECT (extract(epoch FROM smallest_watermark()) * 1000000)::float8 AS watermark_us
