"""What a query may be made of; any kind of node and any function that is not here is refused, known or not."""

from __future__ import annotations

NODES = frozenset(
    """
    Add Alias Aliases Between BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Boolean
    Bracket Column CTE Cube DataType DataTypeParam Distinct Div DPipe EQ Escape Except Fetch Filter From Glob Group
    GroupingSets GT GTE Having HavingMax HexString Identifier IgnoreNulls ILike In IntDiv Intersect Interval
    IntervalSpan Is Join JSONKeyValue JSONPath JSONPathKey JSONPathRoot JSONPathSubscript JSONPathWildcard Lambda
    Lateral Like Limit LimitOptions Literal LT LTE Mod Mul Neg NEQ Not Null NullSafeEQ NullSafeNEQ Offset Order
    Ordered Paren Pivot PropertyEQ Qualify RespectNulls Rollup Select SimilarTo Slice Star Sub Subquery Table
    TableAlias TableSample Tuple Union UnpivotColumns Values Var Where Window WindowSpec With WithinGroup
    """.split()
)

# By the name that the parser gives a function, which is not always the one that was written.
_FUNCTIONS = frozenset(
    """
    abs acos and asin atan atan2 avg case cast ceil chr coalesce collate concat concat_ws cos count count_if
    cume_dist current_date current_time current_timestamp date date_add date_diff date_str_to_date date_sub
    date_trunc datediff datetime datetime_trunc day day_of_month day_of_week day_of_year degrees dense_rank exists
    exp extract first first_value floor format greatest group_concat hex hour if instr j_s_o_n_array
    j_s_o_n_array_agg j_s_o_n_object j_s_o_n_object_agg json_array_length json_extract json_extract_scalar
    json_format json_type julianday lag last last_day last_value lead least left length ln log lower max md5 min
    minute mod month nth_value ntile nullif or pad percent_rank pi pow power printf quarter radians rand rank
    replace right round row_number second sign sin sqrt str_position str_to_date str_to_time strftime
    string_to_array strpos substr substring sum tan time time_to_str timestamp timestamp_trunc trim trunc try_cast
    ts_or_ds_add ts_or_ds_to_date ts_or_ds_to_timestamp typeof unicode unix_to_time upper week xor year
    """.split()
)
_OF_DIALECT = {
    "sqlite": """
        char iif json json_array json_each json_group_array json_group_object json_object json_quote json_tree
        json_valid likelihood likely octet_length quote timediff total unhex unixepoch unlikely
    """,
    "duckdb": """
        age any_value approx_count_distinct approx_distinct approx_quantile arg_max arg_min array array_agg
        array_contains array_filter array_length array_size array_sort array_to_string bool_and bool_or century
        columns contains corr covar_pop covar_samp date_bin date_from_parts date_part day_name dayname dayofmonth
        dayofweek dayofweek_iso dayofyear decade ends_with entropy epoch epoch_ms epoch_us explode fsum
        generate_series grouping histogram initcap is_inf is_nan iso_week isodow kurtosis levenshtein list
        list_aggregate list_distinct localtimestamp logical_and logical_or mad make_date make_time make_timestamp
        max_by median min_by mode month_name monthname now percentile_cont percentile_disc product quantile
        quantile_cont quantile_disc regexp_count regexp_extract regexp_full_match regexp_i_like regexp_like
        regexp_matches regexp_replace regr_intercept regr_r2 regr_slope repeat reverse sem skewness split split_part
        starts_with stddev stddev_pop stddev_samp strlen struct time_to_unix timestamp_from_parts to_days to_hours
        to_minutes to_months to_seconds to_years transform unix_to_str unnest var_pop var_samp variance variance_pop
        week_of_year weekday weekofyear yearweek
    """,
    "postgres": """
        age array array_agg array_length array_to_string bool_and bool_or corr covar_pop covar_samp date_bin
        date_part explode exploding_generate_series grouping initcap justify_days logical_and logical_or make_date
        median percentile_cont percentile_disc regexp_count regexp_like regexp_matches regexp_replace regr_intercept
        regr_r2 regr_slope repeat reverse split_part starts_with stddev stddev_pop stddev_samp time_to_unix to_char
        to_date unnest var_pop var_samp variance variance_pop
    """,
}
FUNCTIONS = {dialect: _FUNCTIONS | set(more.split()) for dialect, more in _OF_DIALECT.items()}

# By the name that SQLite itself reports to its authorizer: operators are functions there too.
SQLITE_CALLS = frozenset(
    """
    abs acos asin atan atan2 avg ceil ceiling char coalesce concat concat_ws cos count cume_dist current_date
    current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob group_concat
    hex ifnull iif instr json json_array json_array_length json_extract json_group_array json_group_object
    json_object json_quote json_type json_valid julianday lag last_value lead length like likelihood likely ln
    log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi pow power printf quote
    radians random rank replace round row_number rtrim sign sin sqrt strftime string_agg substr substring sum tan
    time timediff total trim trunc typeof unhex unicode unixepoch unlikely upper -> ->>
    """.split()
)
