-- What every kind with a topology needs. @TOPOLOGY_FILE@ is a quoted path, the same on each server.
CREATE DATABASE aurora_lab;
-- A view of its own couldn't: LOAD_FILE asks for the privilege of who queries the view.
CREATE FUNCTION aurora_lab.topology() RETURNS longtext CHARSET utf8mb4
    SQL SECURITY DEFINER
    READS SQL DATA
    RETURN CONVERT(LOAD_FILE(@TOPOLOGY_FILE@) USING utf8mb4);
CREATE SQL SECURITY DEFINER VIEW aurora_lab.instances AS
    SELECT i.*
      FROM JSON_TABLE(aurora_lab.topology(), '$.instances[*]' COLUMNS (
               server_id varchar(100) PATH '$.server_id',
               resource_id varchar(100) PATH '$.resource_id',
               endpoint varchar(255) PATH '$.endpoint',
               port int PATH '$.port',
               session_id varchar(100) PATH '$.session_id',
               down_since double PATH '$.down_since')) AS i;
