SELECT has_database_privilege(current_database(), 'TEMPORARY') AS may
