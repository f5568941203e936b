/**
 * pg_settings.category of PostgreSQL 16's parameters. Written down once from a PostgreSQL 16.14.
 */
export const settingCategories: Readonly<Record<string, string>> = {
  Autovacuum: `autovacuum autovacuum_analyze_scale_factor autovacuum_analyze_threshold autovacuum_freeze_max_age autovacuum_max_workers
    autovacuum_multixact_freeze_max_age autovacuum_naptime autovacuum_vacuum_cost_delay autovacuum_vacuum_cost_limit
    autovacuum_vacuum_insert_scale_factor autovacuum_vacuum_insert_threshold autovacuum_vacuum_scale_factor
    autovacuum_vacuum_threshold`,
  'Client Connection Defaults / Locale and Formatting': `DateStyle IntervalStyle TimeZone client_encoding default_text_search_config extra_float_digits icu_validation_level
    lc_messages lc_monetary lc_numeric lc_time timezone_abbreviations`,
  'Client Connection Defaults / Other Defaults': 'dynamic_library_path gin_fuzzy_search_limit',
  'Client Connection Defaults / Shared Library Preloading': 'jit_provider local_preload_libraries session_preload_libraries shared_preload_libraries',
  'Client Connection Defaults / Statement Behavior': `bytea_output check_function_bodies client_min_messages createrole_self_grant default_table_access_method
    default_tablespace default_toast_compression default_transaction_deferrable default_transaction_isolation
    default_transaction_read_only gin_pending_list_limit idle_in_transaction_session_timeout idle_session_timeout
    lock_timeout restrict_nonsystem_relation_kind row_security search_path session_replication_role statement_timeout
    temp_tablespaces transaction_deferrable transaction_isolation transaction_read_only vacuum_failsafe_age
    vacuum_freeze_min_age vacuum_freeze_table_age vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
    vacuum_multixact_freeze_table_age xmlbinary xmloption`,
  'Connections and Authentication / Authentication': `authentication_timeout db_user_namespace gss_accept_delegation krb_caseins_users krb_server_keyfile password_encryption
    scram_iterations`,
  'Connections and Authentication / Connection Settings': `bonjour bonjour_name listen_addresses max_connections port reserved_connections superuser_reserved_connections
    unix_socket_directories unix_socket_group unix_socket_permissions`,
  'Connections and Authentication / SSL': `ssl ssl_ca_file ssl_cert_file ssl_ciphers ssl_crl_dir ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_key_file
    ssl_max_protocol_version ssl_min_protocol_version ssl_passphrase_command ssl_passphrase_command_supports_reload
    ssl_prefer_server_ciphers`,
  'Connections and Authentication / TCP Settings': 'client_connection_check_interval tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout',
  'Developer Options': `allow_in_place_tablespaces allow_system_table_mods backtrace_functions debug_discard_caches debug_io_direct
    debug_logical_replication_streaming debug_parallel_query ignore_checksum_failure ignore_invalid_pages
    ignore_system_indexes jit_debugging_support jit_dump_bitcode jit_expressions jit_profiling_support jit_tuple_deforming
    post_auth_delay pre_auth_delay remove_temp_files_after_crash send_abort_for_crash send_abort_for_kill trace_notify
    trace_recovery_messages trace_sort wal_consistency_checking zero_damaged_pages`,
  'Error Handling': 'data_sync_retry exit_on_error recovery_init_sync_method restart_after_crash',
  'File Locations': 'config_file data_directory external_pid_file hba_file ident_file',
  'Lock Management': `deadlock_timeout max_locks_per_transaction max_pred_locks_per_page max_pred_locks_per_relation
    max_pred_locks_per_transaction`,
  'Preset Options': `block_size data_checksums data_directory_mode debug_assertions in_hot_standby integer_datetimes max_function_args
    max_identifier_length max_index_keys segment_size server_encoding server_version server_version_num shared_memory_size
    shared_memory_size_in_huge_pages ssl_library wal_block_size wal_segment_size`,
  'Query Tuning / Genetic Query Optimizer': 'geqo geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold',
  'Query Tuning / Other Planner Options': `constraint_exclusion cursor_tuple_fraction default_statistics_target from_collapse_limit jit join_collapse_limit
    plan_cache_mode recursive_worktable_factor`,
  'Query Tuning / Planner Cost Constants': `cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost effective_cache_size jit_above_cost jit_inline_above_cost
    jit_optimize_above_cost min_parallel_index_scan_size min_parallel_table_scan_size parallel_setup_cost
    parallel_tuple_cost random_page_cost seq_page_cost`,
  'Query Tuning / Planner Method Configuration': `enable_async_append enable_bitmapscan enable_gathermerge enable_hashagg enable_hashjoin enable_incremental_sort
    enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
    enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
    enable_partitionwise_join enable_presorted_aggregate enable_seqscan enable_sort enable_tidscan`,
  'Replication / Primary Server': 'synchronous_standby_names',
  'Replication / Sending Servers': 'max_replication_slots max_slot_wal_keep_size max_wal_senders track_commit_timestamp wal_keep_size wal_sender_timeout',
  'Replication / Standby Servers': `hot_standby hot_standby_feedback max_standby_archive_delay max_standby_streaming_delay primary_conninfo
    primary_slot_name recovery_min_apply_delay wal_receiver_create_temp_slot wal_receiver_status_interval
    wal_receiver_timeout wal_retrieve_retry_interval`,
  'Replication / Subscribers': 'max_logical_replication_workers max_parallel_apply_workers_per_subscription max_sync_workers_per_subscription',
  'Reporting and Logging / Process Title': 'cluster_name update_process_title',
  'Reporting and Logging / What to Log': `application_name debug_pretty_print debug_print_parse debug_print_plan debug_print_rewritten log_autovacuum_min_duration
    log_checkpoints log_connections log_disconnections log_duration log_error_verbosity log_hostname log_line_prefix
    log_lock_waits log_parameter_max_length log_parameter_max_length_on_error log_recovery_conflict_waits
    log_replication_commands log_statement log_temp_files log_timezone`,
  'Reporting and Logging / When to Log': `log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages
    log_startup_progress_interval log_statement_sample_rate log_transaction_sample_rate`,
  'Reporting and Logging / Where to Log': `event_source log_destination log_directory log_file_mode log_filename log_rotation_age log_rotation_size
    log_truncate_on_rotation logging_collector syslog_facility syslog_ident syslog_sequence_numbers syslog_split_messages`,
  'Resource Usage / Asynchronous Behavior': `backend_flush_after effective_io_concurrency maintenance_io_concurrency max_parallel_maintenance_workers
    max_parallel_workers max_parallel_workers_per_gather max_worker_processes old_snapshot_threshold
    parallel_leader_participation`,
  'Resource Usage / Background Writer': 'bgwriter_delay bgwriter_flush_after bgwriter_lru_maxpages bgwriter_lru_multiplier',
  'Resource Usage / Cost-Based Vacuum Delay': 'vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss',
  'Resource Usage / Disk': 'file_extend_method temp_file_limit',
  'Resource Usage / Kernel Resources': 'max_files_per_process',
  'Resource Usage / Memory': `autovacuum_work_mem dynamic_shared_memory_type hash_mem_multiplier huge_page_size huge_pages logical_decoding_work_mem
    maintenance_work_mem max_prepared_transactions max_stack_depth min_dynamic_shared_memory shared_buffers
    shared_memory_type temp_buffers vacuum_buffer_usage_limit work_mem`,
  'Statistics / Cumulative Query and Index Statistics': `stats_fetch_consistency track_activities track_activity_query_size track_counts track_functions track_io_timing
    track_wal_io_timing`,
  'Statistics / Monitoring': 'compute_query_id log_executor_stats log_parser_stats log_planner_stats log_statement_stats',
  'Version and Platform Compatibility / Other Platforms and Clients': 'transform_null_equals',
  'Version and Platform Compatibility / Previous PostgreSQL Versions': `array_nulls backslash_quote escape_string_warning lo_compat_privileges quote_all_identifiers standard_conforming_strings
    synchronize_seqscans`,
  'Write-Ahead Log / Archive Recovery': 'archive_cleanup_command recovery_end_command restore_command',
  'Write-Ahead Log / Archiving': 'archive_command archive_library archive_mode archive_timeout',
  'Write-Ahead Log / Checkpoints': 'checkpoint_completion_target checkpoint_flush_after checkpoint_timeout checkpoint_warning max_wal_size min_wal_size',
  'Write-Ahead Log / Recovery': 'recovery_prefetch wal_decode_buffer_size',
  'Write-Ahead Log / Recovery Target': `recovery_target recovery_target_action recovery_target_inclusive recovery_target_lsn recovery_target_name
    recovery_target_time recovery_target_timeline recovery_target_xid`,
  'Write-Ahead Log / Settings': `commit_delay commit_siblings fsync full_page_writes synchronous_commit wal_buffers wal_compression wal_init_zero
    wal_level wal_log_hints wal_recycle wal_skip_threshold wal_sync_method wal_writer_delay wal_writer_flush_after`,
}
