#!/bin/sh
# Makes the database of compose.yaml, once, when the server's volume is new: a role that owns its
# database and may do nothing else on the server, and assay_reader, as which it runs the statements of
# users (docs/roles.md). The server's own superuser then has no password: it gets in from inside the
# container alone. Passwords come from the environment and are on no command line.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres <<'SQL'
\getenv role DB_USER
\getenv password DB_PASSWORD
\getenv database DB_NAME
set password_encryption = 'scram-sha-256';
create role :"role" login password :'password';
create role assay_reader nologin;
grant assay_reader to :"role";
create database :"database" owner :"role";
revoke all on database :"database" from public;
revoke connect on database postgres from public;
\connect :"database"
alter default privileges for role :"role" grant usage on schemas to assay_reader;
alter default privileges for role :"role" grant select on tables to assay_reader;
alter role current_user password null;
SQL
