-- The three roles of a warehouse on PostgreSQL 15 or newer, and what each may do: docs/roles.md.
-- Run once by an administrator, in the warehouse's database: `elt setup-roles` does it and sets the
-- passwords; with psql, `psql --single-transaction -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql`.
-- Running it again changes nothing, and gives later schemas and tables to their owners.

do $$
declare
    role_name text;
begin
    foreach role_name in array array['assay_loader', 'assay_transformer', 'assay_reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
    end loop;
    -- an administrator who is no superuser gives away only what a role of its own may have
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant assay_loader, assay_transformer to %I', current_user);
    end if;
    execute format('grant connect on database %I to assay_loader, assay_transformer, assay_reader', current_database());
    execute format('revoke temporary on database %I from public', current_database());
    execute format('grant temporary on database %I to assay_loader, assay_transformer', current_database());
    -- a build makes schemas of its own, out of sight of readers until it has passed its tests
    execute format('grant create on database %I to assay_transformer', current_database());
end
$$;

-- A reader's sessions only read, and end their statements in time.
alter role assay_reader set default_transaction_read_only = on;
alter role assay_reader set statement_timeout = '60s';
alter role assay_reader set idle_in_transaction_session_timeout = '60s';
-- Whose statements on behalf of users become the reader's. Not the loader: it would read models.
grant assay_reader to assay_transformer;

create schema if not exists raw;
create schema if not exists ops;
grant usage, create on schema public to assay_transformer;

-- What is there already gets its owner: raw is the loader's, all else the transformer's.
do $$
declare
    schema_name text;
    found record;
begin
    for schema_name in
        select nspname from pg_namespace
        where nspname ~ '^(raw|analytics|features|clean|staging|ops)(__[a-z0-9_]+)?$'
    loop
        execute format('alter schema %I owner to %I', schema_name,
            case when schema_name = 'raw' then 'assay_loader' else 'assay_transformer' end);
    end loop;
    for found in
        select nspname, relname, relkind
        from pg_class join pg_namespace as n on n.oid = relnamespace
        where relkind in ('r', 'p', 'v', 'm')
            and (
                nspname ~ '^(raw|analytics|features|clean|staging|ops)(__[a-z0-9_]+)?$'
                or (nspname = 'public' and relkind = 'v' and relname in ('user_features', 'sales', 'raw_data', 'processed_data'))
            )
    loop
        execute format('alter %s %I.%I owner to %I',
            case found.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
            found.nspname, found.relname,
            case when found.nspname = 'raw' then 'assay_loader' else 'assay_transformer' end);
    end loop;
    for found in
        select p.oid::regprocedure as signature, nspname
        from pg_proc as p join pg_namespace as n on n.oid = pronamespace
        where nspname = 'raw' or (nspname = 'public' and proname in ('is_readable_json', 'try_jsonb'))
    loop
        execute format('alter function %s owner to %I', found.signature,
            case when found.nspname = 'raw' then 'assay_loader' else 'assay_transformer' end);
    end loop;
end
$$;

-- Who reads what, now and whatever is made later: by default, so that no build has to grant it.
alter default privileges for role assay_loader grant usage on schemas to assay_transformer, assay_reader;
alter default privileges for role assay_loader grant select on tables to assay_transformer, assay_reader;
alter default privileges for role assay_transformer grant usage on schemas to assay_reader;
alter default privileges for role assay_transformer grant select on tables to assay_reader;
do $$
declare
    schema_name text;
begin
    for schema_name in
        select nspname from pg_namespace
        where nspname ~ '^(raw|analytics|features|clean|staging|ops)(__[a-z0-9_]+)?$' or nspname = 'public'
    loop
        execute format('grant usage on schema %I to assay_reader', schema_name);
        if schema_name <> 'public' then
            execute format('grant select on all tables in schema %I to assay_reader', schema_name);
        end if;
    end loop;
    for schema_name in
        select relname from pg_class
        where relnamespace = 'public'::regnamespace and relname in ('user_features', 'sales', 'raw_data', 'processed_data')
    loop
        execute format('grant select on public.%I to assay_reader', schema_name);
    end loop;
end
$$;
grant usage on schema raw to assay_transformer;
grant select on all tables in schema raw to assay_transformer;

-- Every run keeps a record, the loader's too; of the other tables beside it the loader sees none.
grant usage on schema ops to assay_loader;
do $$
begin
    if to_regclass('ops._runs') is not null then
        grant select, insert, update, delete on ops._runs to assay_loader;
    end if;
    if to_regclass('ops._runs_totals') is not null then
        grant select, insert, update on ops._runs_totals to assay_loader;
    end if;
end
$$;

-- What a SELECT could do without writing: hold the lock of runs, end sessions, take off its role,
-- make large objects. Only a superuser can take these from everyone; others are told that they stay.
do $$
declare
    signature text;
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        raise notice 'functions that no reader needs stay open to all: only a superuser can revoke them';
        return;
    end if;
    for signature in
        select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and proname ~ '^(set_config|pg_terminate_backend|pg_cancel_backend|pg_(try_)?advisory_.*|pg_notify|lo_.*|loread|lowrite)$'
    loop
        execute format('revoke execute on function %s from public', signature);
        execute format('grant execute on function %s to assay_loader, assay_transformer', signature);
    end loop;
end
$$;
