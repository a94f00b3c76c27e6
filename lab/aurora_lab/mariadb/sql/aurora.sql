CREATE SQL SECURITY DEFINER VIEW aurora_lab.replica_host_status AS
    SELECT i.server_id AS SERVER_ID,
           i.session_id AS SESSION_ID,
           5e0 AS CPU,
           IF(i.session_id = 'MASTER_SESSION_ID', 0e0, 15e0) AS REPLICA_LAG_IN_MILLISECONDS,
           COALESCE(FROM_UNIXTIME(i.down_since), NOW(6)) AS LAST_UPDATE_TIMESTAMP
      FROM aurora_lab.instances i;
