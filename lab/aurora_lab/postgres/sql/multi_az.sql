CREATE SCHEMA rds_tools;
GRANT USAGE ON SCHEMA rds_tools TO PUBLIC;

CREATE FUNCTION rds_tools.show_topology(caller text DEFAULT '')
    RETURNS TABLE (id text, endpoint text, port int, role text, status text, version text)
    LANGUAGE sql VOLATILE
    AS $$ SELECT i.resource_id, i.endpoint, i.port, NULL::text, NULL::text, NULL::text
            FROM aurora_lab.instances() i $$;

CREATE FUNCTION rds_tools.dbi_resource_id() RETURNS text
    LANGUAGE sql VOLATILE
    AS $$ SELECT i.resource_id FROM aurora_lab.instances() i
           WHERE i.server_id = pg_catalog.current_setting('cluster_name') $$;

CREATE FUNCTION rds_tools.multi_az_db_cluster_source_dbi_resource_id() RETURNS text
    LANGUAGE sql VOLATILE
    AS $$ SELECT aurora_lab.topology() ->> 'writer_resource_id' $$;
