SELECT policy, (extract(epoch FROM noted_at) * 1000000)::float8 AS noted_us FROM retention_policy
