-- What every kind with a topology needs. @TOPOLOGY_FILE@ is a quoted path, the same on each server.
CREATE SCHEMA aurora_lab;
GRANT USAGE ON SCHEMA aurora_lab TO PUBLIC;

CREATE FUNCTION aurora_lab.topology() RETURNS jsonb
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_catalog.pg_read_file(@TOPOLOGY_FILE@)::pg_catalog.jsonb $$;

CREATE FUNCTION aurora_lab.instances()
    RETURNS TABLE (server_id text, resource_id text, endpoint text, port int,
                   session_id text, down_since float8)
    LANGUAGE sql VOLATILE
    AS $$ SELECT r.*
            FROM pg_catalog.jsonb_to_recordset(aurora_lab.topology() -> 'instances')
                 AS r (server_id text, resource_id text, endpoint text, port int,
                       session_id text, down_since float8) $$;

-- A dotted setting isn't listed in pg_settings, so the view gets the row that RDS shows there.
SET allow_system_table_mods = on;
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
    SELECT * FROM pg_catalog.pg_show_all_settings()
    UNION ALL
    SELECT 'rds.extensions', @RDS_EXTENSIONS@, NULL, 'Customized Options',
           'Extensions that a master user may create.', NULL, 'internal', 'string', 'default',
           NULL, NULL, NULL::text[], @RDS_EXTENSIONS@, @RDS_EXTENSIONS@, NULL, NULL::int, false;
RESET allow_system_table_mods;
