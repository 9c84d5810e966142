UPDATE editions SET freed = true WHERE edition = ANY ($1::bigint[]) AND dropped
