SELECT tenant FROM retention_tenants ORDER BY tenant
