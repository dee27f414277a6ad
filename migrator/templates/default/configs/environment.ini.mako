# The environment "${name}"${also_called}${remark}
# Plain Alembic works on the same database and folder: alembic -c configs/alembic_${suffix}.ini upgrade head
% if database == "url":
# The database comes from ${variable}, DATABASE_URL or POSTGRES_DB; see .env.example.
% endif

[alembic]
script_location = %(here)s/../migrations
version_locations = %(here)s/../${version_folder}
prepend_sys_path = ${sys_path}
path_separator = newline
% if database == "sqlite":
# Without ${variable}, DATABASE_URL or POSTGRES_DB this file of the project is used.
sqlalchemy.url = sqlite:///${name}.db
% endif

[migrator]
% if default:
# Taken when none is named.
default = true
% endif
% if database == "embedded":
# Without ${variable}, DATABASE_URL or POSTGRES_DB the project's own PostgreSQL is used.
database = embedded
% endif
% if models:
models = ${", ".join(models)}
% else:
# The package that is walked for models, or package.module:Base.
# models = app.models
% endif
% if against_history:
# Models are compared with what the version files make, so that no database is asked.
against = history
% endif
# Tables of other applications in the same database, such as Django's, can be left alone.
# exclude_tables = django_*, auth_*
