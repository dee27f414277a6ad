# Copy to .env (every environment) or to .env.<environment> (one of them, such as .env.${environments[-1].name}).
# Neither belongs into git. Values here come after variables of the process and before the ini files.

# Which environment is meant when --env is not given.
# ALEMBIC_ENV=${environments[0].name}

# One URL for one environment; special characters in passwords are written as %40 (@), %2F (/), %25 (%).
% for each in environments:
# ${each.variable}=postgresql+asyncpg://app:password@${each.place}
% endfor

# Or one for whichever environment is chosen.
# DATABASE_URL=postgresql+asyncpg://app:password@localhost:5432/app

# Or its parts; a password in single quotes is taken as it is, with \' for ' and \\ for \. Only <%text>${...}</%text> is replaced by
# the variable of that name, in quotes too: a password with <%text>${</%text> in it goes into a URL above, as %24{.
# POSTGRES_DB=app
# POSTGRES_USER=postgres
# POSTGRES_PASSWORD='password'
# POSTGRES_HOST=localhost
# POSTGRES_PORT=5432
