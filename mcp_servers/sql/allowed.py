"""What a query may be made of; any kind of node and any function that is not here is refused, known or not."""

from __future__ import annotations

NODES = frozenset(
    """
    Add Alias Aliases All Any AtTimeZone Between BitString BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr
    BitwiseRightShift BitwiseXor Boolean Bracket ByteString CTE Column ColumnDef Comprehension Cube DPipe DataType
    DataTypeParam Describe Distinct Div Dot EQ Escape Except Fetch Filter ForIn From GT GTE Glob Group GroupingSets
    Having HavingMax HexString ILike Identifier IgnoreNulls In IntDiv Intersect Interval IntervalSpan Is JSON
    JSONKeyValue JSONPath JSONPathFilter JSONPathKey JSONPathRecursive JSONPathRoot JSONPathSlice JSONPathSubscript
    JSONPathUnion JSONPathWildcard JSONValue Join Kwarg LT LTE Lambda Lateral Like Limit LimitOptions Literal Mod Mul
    NEQ National Neg Not Null NullSafeEQ NullSafeNEQ Offset OnCondition Order Ordered Overlaps Paren Pivot PivotAlias
    PivotAny PositionalColumn PropertyEQ Qualify RawString RecursiveWithSearch RespectNulls Rollup Select SimilarTo
    Slice Star Sub Subquery Summarize Table TableAlias TableSample Tuple UnicodeString Union UnpivotColumns Values Var
    Where Window WindowSpec With WithinGroup
    """.split()
)

# By the name that was written, and by the one that the parser gives: it reads `lpad` as `pad` and `list` as
# `array_agg`. None of these reads a file, a setting or another table, waits, changes what is kept, or runs text as SQL.
_ALL = frozenset(
    """
    all any abs acos acosh and asin asinh atan atan2 atanh avg case cast ceil ceiling chr coalesce collate concat
    concat_ws cos cosh cot count count_if cume_dist current_date current_time current_timestamp date date_add
    date_diff date_str_to_date date_sub date_trunc datediff datetime datetime_trunc day day_of_month day_of_week
    day_of_year degrees dense_rank exists exp extract first first_value floor format greatest group_concat hex hour if
    ifnull instr j_s_o_n_array j_s_o_n_array_agg j_s_o_n_object j_s_o_n_object_agg json_array json_array_length
    json_each json_extract json_extract_scalar json_format json_object json_type julianday lag last last_day
    last_value lead least left length ln log log10 lower ltrim max md5 min minute mod month nth_value ntile nullif
    octet_length or pad percent_rank pi position pow power printf quarter radians rand random rank replace right round
    row_number rtrim second sign sin sinh sqrt str_position str_to_date str_to_time strftime string_agg
    string_to_array strpos substr substring sum tan tanh time time_to_str timestamp timestamp_trunc trim trunc
    try_cast ts_or_ds_add ts_or_ds_to_date ts_or_ds_to_timestamp typeof unicode unix_to_time upper week xor year
    """.split()
)
_DUCKDB_AND_POSTGRES = """
        age any_value array array_agg array_append array_cat array_concat array_contained_by array_contains_all
        array_length array_overlaps array_position array_prepend array_reverse array_size array_sort array_to_json
        array_to_string ascii bit_and bit_count bit_length bit_or bit_xor bitwise_and_agg bitwise_or_agg
        bitwise_xor_agg bool_and bool_or cardinality cbrt char_length character_length corr covar_pop covar_samp
        date_bin date_part decode encode explode gamma gcd gen_random_uuid generate_series generate_subscripts get_bit
        getbit grouping initcap isfinite json_exists json_extract_path json_extract_path_text json_value lcm lgamma
        localtime localtimestamp logical_and logical_or lpad make_date make_time make_timestamp make_timestamptz
        median mode now overlay percentile_cont percentile_disc pg_typeof regexp_count regexp_i_like regexp_like
        regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regr_avgx regr_avgy regr_count
        regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat reverse row row_to_json rpad sha256
        split_part starts_with stddev stddev_pop stddev_samp time_from_parts time_to_unix timestamp_from_parts
        timezone to_hex to_json to_timestamp transaction_timestamp translate unnest uuid var_pop var_samp variance
        variance_pop
"""
_OF_DIALECT = {
    "sqlite": """
        char glob iif json json_error_position json_group_array json_group_object json_insert json_patch json_pretty
        json_quote json_remove json_replace json_set json_tree json_valid like likelihood likely log2 quote soundex
        timediff total unhex unixepoch unlikely
    """,
    "duckdb": _DUCKDB_AND_POSTGRES
    + """
        aggregate apply approx_count_distinct approx_distinct approx_quantile approx_top_k arbitrary arg_max
        arg_max_null arg_min arg_min_null argmax argmin array_aggr array_aggregate array_apply array_contains
        array_cosine_distance array_cosine_similarity array_cross_product array_distance array_distinct
        array_dot_product array_extract array_filter array_grade_up array_has array_has_all array_has_any
        array_indexof array_inner_product array_intersect array_max array_min array_pop_back array_pop_front
        array_push_back array_push_front array_reduce array_reverse_sort array_select array_slice array_transform
        array_unique array_value array_resize array_where array_zip bar base64 bin century columns contains
        cosine_distance countif damerau_levenshtein date_from_parts datepart datesub datetrunc day_name dayname
        dayofmonth dayofweek dayofweek_iso dayofyear decade divide editdist3 element_at ends_with entropy epoch
        epoch_ms epoch_ns epoch_us equi_width_bins era euclidean_distance even exclude factorial favg fill filter
        flatten fmod format_bytes formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex
        from_json fsum geomean get get_current_time get_current_timestamp grade_up greatest_common_divisor grouping_id
        hamming hash histogram histogram_exact is_inf is_nan isinf isnan iso_week isodow isoyear jaccard
        jaro_similarity jaro_winkler_similarity jarowinkler_similarity json json_contains json_extract_string
        json_group_array json_group_object json_group_structure json_keys json_merge_patch json_pretty json_quote
        json_structure json_transform json_transform_strict json_tree json_valid julian kahan_sum kurtosis
        kurtosis_pop lcase least_common_multiple left_grapheme len length_grapheme levenshtein list list_aggr
        list_aggregate list_any_value list_append list_apply list_approx_count_distinct list_avg list_bit_and
        list_bit_or list_bit_xor list_bool_and list_bool_or list_cat list_concat list_contains list_cosine_distance
        list_cosine_similarity list_count list_distance list_distinct list_dot_product list_element list_entropy
        list_extract list_filter list_first list_grade_up list_has list_has_all list_has_any list_histogram
        list_indexof list_inner_product list_intersect list_kurtosis list_last list_mad list_max list_median list_min
        list_mode list_pack list_position list_prepend list_product list_reduce list_resize list_reverse
        list_reverse_sort list_select list_sem list_skewness list_slice list_sort list_stddev_pop list_stddev_samp
        list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where list_zip
        listagg log2 lttb mad make_timestamp_ms make_timestamp_ns map map_concat map_contains map_entries map_extract
        map_extract_value map_from_entries map_keys map_values max_by md5_number mean microsecond millennium
        millisecond min_by mismatches month_name monthname multiply nanosecond nextafter nfc_normalize ord
        parse_dirname parse_dirpath parse_filename parse_json parse_path prefix product quantile quantile_cont
        quantile_disc range reduce regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_split
        reservoir_quantile right_grapheme round_even roundbankers sem sha sha1 sha2 signbit skewness split str_split
        str_split_regex string_split string_split_regex strip_accents strlen strptime struct struct_concat
        struct_contains struct_extract struct_extract_at struct_insert struct_keys struct_pack struct_position
        struct_values subtract suffix sum_no_overflow sumkahan time_bucket timezone_hour timezone_minute to_base
        to_base64 to_binary to_centuries to_days to_decades to_hours to_map to_microseconds to_millennia
        to_milliseconds to_minutes to_months to_quarters to_seconds to_weeks to_years today transform try try_strptime
        ucase unbin unhex union_extract union_tag union_value unix_to_str unpivot_list url_decode url_encode
        week_of_year weekday weekofyear yearweek
    """,
    "postgres": _DUCKDB_AND_POSTGRES
    + """
        abbrev acosd array_dims array_lower array_ndims array_positions array_remove array_replace array_upper asind
        atan2d atand btrim casefold clock_timestamp cosd cotd crc32 date_subtract datemultirange daterange decode_case
        div erf erfc every exploding_generate_series get_byte int4multirange int4range int8multirange int8range
        is_normalized isempty isnull j_s_o_n_b_contains_all_top_keys j_s_o_n_b_contains_any_top_keys
        j_s_o_n_b_contains_top_key j_s_o_n_b_delete_at_path j_s_o_n_b_object_agg j_s_o_n_b_path_exists json_agg
        json_agg_strict json_array_elements json_array_elements_text json_arrayagg json_build_array json_build_object
        json_each_text json_object_agg json_object_keys json_objectagg json_query json_scalar json_serialize
        json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements
        jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_concat jsonb_contained
        jsonb_contains jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract
        jsonb_extract_path jsonb_extract_path_text jsonb_extract_scalar match_against jsonb_insert jsonb_object
        jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
        jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset
        jsonb_typeof justify_days justify_hours justify_interval lower_inc lower_inf make_interval match_against
        min_scale multirange normalize num_nonnulls num_nulls nummultirange numrange parse_ident phraseto_tsquery
        plainto_tsquery querytree quote_ident quote_literal quote_nullable random_normal range_agg range_intersect_agg
        range_merge regexp_instr regexp_match regexp_substr s_h_a2_digest scale setweight sha224 sha384 sha512 sind
        statement_timestamp string_to_table strip tand timeofday to_bin to_char to_date to_jsonb to_number to_oct
        to_tsquery to_tsvector trim_array trim_scale ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsmultirange
        tsrange tstzrange unistr upper_inc upper_inf uuidv4 uuidv7 websearch_to_tsquery width_bucket
    """,
}
FUNCTIONS = {dialect: _ALL | set(more.split()) for dialect, more in _OF_DIALECT.items()}

# What may stand after FROM, by the parser's name too.
TABLE_FUNCTIONS = {
    "sqlite": frozenset({"json_each", "json_tree"}),
    "duckdb": frozenset(
        "generate_series range unnest explode json_each json_tree regexp_split_to_table generate_subscripts".split()
    ),
    "postgres": frozenset(
        """
        generate_series exploding_generate_series generate_subscripts unnest explode json_each json_each_text
        json_array_elements json_array_elements_text json_object_keys json_to_record json_to_recordset jsonb_each
        jsonb_each_text jsonb_array_elements jsonb_array_elements_text jsonb_object_keys jsonb_path_query
        jsonb_to_record jsonb_to_recordset regexp_matches regexp_split_to_table string_to_table
        """.split()
    ),
}

# By the name that SQLite itself reports to its authorizer: operators are functions there too.
SQLITE_CALLS = frozenset(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format glob group_concat hex if ifnull iif instr json json_array json_array_length json_error_position
    json_extract json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote
    json_remove json_replace json_set json_type json_valid julianday lag last_value lead length like likelihood likely
    ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi pow power printf
    quote radians random rank replace round row_number rtrim sign sin sinh soundex sqrt strftime string_agg substr
    substring sum tan tanh time timediff total trim trunc typeof unhex unicode unixepoch unlikely upper
    """.split()
)
