CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.current_setting('cluster_name') $$;

CREATE FUNCTION pg_catalog.aurora_version() RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.current_setting('server_version') $$;

-- As on Aurora since 13.9, a node's row about itself has no time.
CREATE FUNCTION pg_catalog.aurora_replica_status()
    RETURNS TABLE (server_id text, session_id text, cpu float8, replica_lag_in_msec float8,
                   last_update_timestamp timestamptz)
    LANGUAGE sql VOLATILE
    AS $$ SELECT i.server_id, i.session_id, 5.0::float8,
                 CASE WHEN i.session_id = 'MASTER_SESSION_ID' THEN NULL ELSE 15.0::float8 END,
                 CASE WHEN i.server_id = pg_catalog.current_setting('cluster_name') THEN NULL
                      ELSE coalesce(pg_catalog.to_timestamp(i.down_since),
                                    pg_catalog.clock_timestamp()) END
            FROM aurora_lab.instances() i $$;
