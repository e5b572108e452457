CREATE TABLE monitor (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(150), active BOOLEAN DEFAULT 1 NOT NULL, user_id INTEGER,
  interval INTEGER DEFAULT 20 NOT NULL, url TEXT, type VARCHAR(20), weight INTEGER DEFAULT 2000, hostname VARCHAR(255), port INTEGER,
  keyword VARCHAR(255), maxretries INTEGER NOT NULL DEFAULT 0, ignore_tls BOOLEAN DEFAULT 0 NOT NULL, upside_down BOOLEAN DEFAULT 0 NOT NULL,
  maxredirects INTEGER DEFAULT 10 NOT NULL, accepted_statuscodes_json TEXT DEFAULT '["200-299"]' NOT NULL, dns_resolve_type VARCHAR(5),
  dns_resolve_server VARCHAR(255), retry_interval INTEGER DEFAULT 0 NOT NULL, push_token VARCHAR(20), method TEXT DEFAULT 'GET' NOT NULL,
  body TEXT, headers TEXT, basic_auth_user TEXT, basic_auth_pass TEXT, proxy_id INTEGER, auth_method VARCHAR(250), resend_interval INTEGER DEFAULT 0 NOT NULL,
  parent INTEGER, invert_keyword BOOLEAN DEFAULT 0 NOT NULL, json_path TEXT, expected_value VARCHAR(255), json_path_operator VARCHAR(255),
  timeout DOUBLE DEFAULT 0 NOT NULL, http_body_encoding VARCHAR(25), description TEXT);
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY AUTOINCREMENT, important BOOLEAN DEFAULT 0 NOT NULL, monitor_id INTEGER NOT NULL,
  status SMALLINT NOT NULL, msg TEXT, time DATETIME NOT NULL, ping INTEGER, duration INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE tag (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(255) NOT NULL, color VARCHAR(255) NOT NULL);
CREATE TABLE monitor_tag (id INTEGER PRIMARY KEY AUTOINCREMENT, monitor_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, value TEXT);
CREATE TABLE notification (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(255), config TEXT, active BOOLEAN DEFAULT 1 NOT NULL, is_default BOOLEAN DEFAULT 0 NOT NULL);
CREATE TABLE monitor_notification (id INTEGER PRIMARY KEY AUTOINCREMENT, monitor_id INTEGER NOT NULL, notification_id INTEGER NOT NULL);
INSERT INTO monitor (id, name, type, interval) VALUES (1, 'Production', 'group', 60);
INSERT INTO monitor (id, name, type, url, interval, timeout, maxretries, accepted_statuscodes_json, headers, auth_method, basic_auth_user, basic_auth_pass, parent)
  VALUES (2, 'Shop', 'http', 'https://shop.example.com/health', 60, 48, 2, '["200-299","304"]', '{"X-Api-Key": "k3y-of-the-shop"}', 'basic', 'kuma', 's3cret-pass', 1);
INSERT INTO monitor (id, name, type, hostname, port, interval) VALUES (5, 'Mail', 'port', 'mail.example.com', 25, 60);
INSERT INTO monitor (id, name, type, url, interval, json_path, expected_value, json_path_operator)
  VALUES (11, 'Depth', 'json-query', 'https://api.example.com/status', 60, '$.queue.depth', '100', '<');
INSERT INTO tag VALUES (1, 'team', '#059669');
INSERT INTO monitor_tag (monitor_id, tag_id, value) VALUES (2, 1, 'web');
INSERT INTO notification (id, name, config) VALUES (1, 'Ops Slack', '{"type":"slack"}');
INSERT INTO monitor_notification (monitor_id, notification_id) VALUES (2, 1);
INSERT INTO heartbeat (monitor_id, status, msg, time, important, duration) VALUES
  (2, 1, '200 - OK', '2026-11-20 10:00:00.000', 1, 0), (2, 1, '200 - OK', '2026-11-20 10:01:00.000', 0, 60),
  (2, 2, 'timeout of 48000ms exceeded', '2026-11-20 10:02:00.000', 0, 60), (2, 0, 'timeout of 48000ms exceeded', '2026-11-20 10:03:00.000', 1, 60),
  (2, 1, '200 - OK', '2026-11-20 10:05:00.000', 1, 120), (2, 1, '200 - OK', '2026-11-20 10:06:00.000', 0, 60);
