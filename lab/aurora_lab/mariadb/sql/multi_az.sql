CREATE SQL SECURITY DEFINER VIEW mysql.rds_topology AS
    SELECT CAST(i.resource_id AS SIGNED) AS id,
           i.endpoint AS endpoint,
           i.port AS port,
           CAST(NULL AS CHAR(50)) AS role,
           CAST(NULL AS CHAR(50)) AS status,
           CAST(NULL AS CHAR(10)) AS version
      FROM aurora_lab.instances i;
