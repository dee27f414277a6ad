"""One command for many tenants: which ones, in which order, by how many processes."""

from migrator.operations.fleet.course import Course, Terms
from migrator.operations.fleet.fleet import FleetInterruptedError, over_tenants
from migrator.operations.fleet.listing import reference_tenant, tenants_of_environment
from migrator.operations.fleet.task import Task, has_changed, is_ok

__all__ = [
    "Course",
    "FleetInterruptedError",
    "Task",
    "Terms",
    "has_changed",
    "is_ok",
    "over_tenants",
    "reference_tenant",
    "tenants_of_environment",
]
