SELECT (extract(epoch FROM max(watermark)) * 1000000)::bigint AS watermark_us
FROM positions WHERE source = 'live'
