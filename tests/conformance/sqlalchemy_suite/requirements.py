"""What PostgreSQL can do, for SQLAlchemy's suite: everything that is closed until said otherwise.

The same for every driver, so that the numbers can be compared.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

#: what the suite asks for and PostgreSQL has
ABLE = """
create_table_as create_temp_table_as table_ddl_if_exists index_ddl_if_exists uuid_data_type
unique_constraints_reflect_as_index table_value_constructor deferrable_fks
repeated_column_foreign_keys
boolean_col_expressions nullsordering intersect except_
window_functions window_range window_range_numeric window_range_non_numeric ctes
ctes_with_update_delete ctes_with_values ctes_on_dml tuple_in views cross_schema_fk_reflection
foreign_key_constraint_name_reflection implicit_default_schema default_schema_name_switch
reflects_pk_names reflect_tables_no_columns temp_table_comment_reflection comment_reflection
comment_reflection_full_unicode constraint_comment_reflection column_collation_reflection
schema_create_delete foreign_key_constraint_option_reflection_ondelete
fk_constraint_option_reflection_ondelete_restrict
foreign_key_constraint_option_reflection_onupdate
fk_constraint_option_reflection_onupdate_restrict temp_table_names has_temp_table temporary_views
create_or_replace_view index_reflects_included_columns indexes_with_expressions
reflect_indexes_with_expressions inline_check_constraint_reflection check_constraint_reflection
unicode_ddl datetime_interval datetime_literals datetime_timezone time_timezone
timestamp_microseconds datetime_historic datetime_timezone_historic date_historic autocommit
skip_autocommit_rollback isolation_level array_type json_type precision_numerics_enotation_small
precision_numerics_many_significant_digits server_defaults expression_server_defaults
aggregate_order_by precision_numerics_retains_significant_digits infinity_floats
float_or_double_precision_behaves_generically savepoints two_phase_transactions update_from
delete_from mod_operator_as_percent_sign percent_schema_names order_by_label_with_expression
computed_columns computed_columns_stored computed_columns_reflect_persisted supports_distinct_on
identity_columns identity_columns_standard regexp_match regexp_replace fetch_first fetch_ties
fetch_no_order_by fetch_expression fetch_offset_with_options reflect_table_options
materialized_views supports_bitwise_or supports_bitwise_and supports_bitwise_not
supports_bitwise_xor supports_bitwise_shift
""".split()


_open: Any = exclusions.open


class Requirements(SuiteRequirements):
    """PostgreSQL's."""

    @property
    def async_dialect(self) -> Any:
        """Of a driver, not of the server."""
        return exclusions.only_if(lambda config: config.db.dialect.is_async)  # type: ignore[no-untyped-call]

    def get_order_by_collation(self, _config: Any) -> str:
        """A collation that is always there."""
        return "POSIX"

    def get_isolation_levels(self, _config: Any) -> dict[str, Any]:
        """All that a driver can set."""
        levels = ["READ COMMITTED", "READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
        return {"default": "READ COMMITTED", "supported": ["AUTOCOMMIT", *levels]}


for _name in ABLE:
    if not hasattr(SuiteRequirements, _name):
        continue  # of another version of SQLAlchemy
    setattr(Requirements, _name, property(lambda _self: _open()))
