/** Where a PostgreSQL is; `host` may be the directory of its Unix socket. */
export type PostgresConnection =
  | Readonly<{ url: string }>
  | Readonly<{
      host: string;
      port: number;
      user: string;
      database: string;
      password?: string;
    }>;
