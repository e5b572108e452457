"""Which tests try which row of the list of attacks; ``test_rows.py`` looks whether they are there.

Rows that have tests of their own in this folder carry the number in the test's id (``row48-...``) as well; here stand
all the tests, wherever the thing is tested. ``GAPS`` are parts of a row that nothing tries, with the reason; they stand
in docs/security.md, too.
"""

from __future__ import annotations

HERE = "tests/attacks/"
GUARD = "tests/probes/test_guard.py::"
FAULTS = "tests/probes/test_faults_http.py::"
ACCOUNTS = HERE + "test_accounts.py::"
MATRIX = "tests/tenancy/test_matrix.py::test_attacks_21_25_27_who_gets_where"
WALK = HERE + "test_secrets.py::test_rows_28_37_50_no_page_tells_a_secret_and_each_obeys_its_policy"

ROWS: dict[int, list[str]] = {
    1: [
        GUARD + "test_this_machine_is_refused_at_save_in_every_spelling",
        "tests/monitors/test_api.py::test_addresses_that_may_not_be_dialled_are_refused_when_saving",
    ],
    2: [
        GUARD + "test_this_machine_is_refused_at_save_in_every_spelling",
        GUARD + "test_nothing_forbidden_is_dialled",
        "tests/probes/test_hosts.py::test_reading",
    ],
    3: [
        GUARD + "test_metadata_is_refused_even_when_everything_is_allowed",
        GUARD + "test_nothing_forbidden_is_dialled",
    ],
    4: [GUARD + "test_what_is_not_public_is_refused", GUARD + "test_networks_that_the_operator_opens"],
    5: ["tests/probes/test_faults_dns.py::test_a_name_that_changes_its_mind_is_asked_once_per_dial"],
    6: ["tests/probes/test_faults_dns.py::test_one_forbidden_address_among_good_ones_blocks"],
    7: ["tests/probes/test_faults_dns.py::test_each_fault_has_its_name"],
    8: [FAULTS + "test_redirects", FAULTS + "test_secrets_stay_with_the_site_they_were_meant_for"],
    9: [
        "tests/probes/test_hosts.py::test_what_is_no_web_address_is_refused_with_a_sentence",
        "tests/probes/test_hosts.py::test_leaving_the_web",
    ],
    10: [
        "tests/probes/test_kinds.py::test_no_kind_dials_what_is_forbidden",
        "tests/alerts/test_sending.py::test_what_the_guard_refuses_is_never_dialled",
        "tests/alerts/test_api.py::test_a_trial_cannot_be_used_to_look_inside",
        "tests/alerts/test_relay.py::test_there_is_no_other_road",
        "tests/statuspages/test_subscribers.py::test_a_name_that_leads_inside_is_not_dialled",
    ],
    11: ["tests/probes/test_command_line.py::test_proxies_of_the_environment_are_ignored"],
    12: [
        GUARD + "test_networks_that_the_operator_opens",
        "tests/monitors/test_api.py::test_addresses_that_may_not_be_dialled_are_refused_when_saving",
    ],
    13: [
        "tests/probes/test_limits.py::test_an_endless_body_is_read_for_a_mebibyte",
        "tests/probes/test_limits.py::test_a_body_of_exactly_the_limit_is_whole",
    ],
    14: [
        "tests/probes/test_limits.py::test_a_bomb_costs_little",
        "tests/probes/test_codings.py::test_a_bomb_unpacks_no_further_than_asked",
    ],
    15: [
        FAULTS + "test_each_fault_has_its_name",
        "tests/probes/test_limits.py::test_the_deadline_is_for_all_tries_and_hops_together",
        "tests/probes/test_faults_tls.py::test_each_handshake_fault_has_its_name",
    ],
    16: [FAULTS + "test_each_fault_has_its_name", "tests/probes/test_fuzz.py::test_any_response_at_all_gets_a_verdict"],
    17: ["tests/probes/test_assertions.py::test_no_pattern_takes_long"],
    18: ["tests/probes/test_assertions.py::test_json_that_is_none", HERE + "test_pages.py::test_odd_json"],
    19: [
        "tests/probes/test_faults_tls.py::test_each_certificate_fault_has_its_name",
        "tests/probes/test_fuzz.py::test_any_certificate_message_at_all",
    ],
    20: ["tests/probes/test_specs.py::test_a_bad_value_is_refused_with_the_fields_name"],
    21: [MATRIX, "tests/tenancy/test_matrix.py::test_every_route_has_a_rule"],
    22: [
        "tests/alerts/test_api.py::test_nothing_of_another_team_can_be_named",
        "tests/monitors/test_parent.py::test_a_monitor_of_another_team_is_unknown",
        "tests/maintenance/test_windows.py::test_another_teams_monitor_cannot_be_named",
        "tests/statuspages/test_pages_api.py::test_nothing_of_another_team_can_be_put_on_a_page",
    ],
    23: [ACCOUNTS + "test_nobody_makes_themselves_more"],
    24: [
        "tests/accounts/test_keys.py::test_attack_24_a_header_names_only_ones_own_team",
        "tests/accounts/test_roles.py::test_the_team_comes_from_the_credentials_alone",
    ],
    25: [MATRIX, "tests/api/test_anonymous.py::test_the_api_is_closed_to_strangers"],
    26: [
        "tests/statuspages/test_badges.py::test_what_may_not_be_seen_is_not_there",
        "tests/statuspages/test_public.py::test_no_address_and_no_name_of_a_monitor_appears",
        "tests/statuspages/test_public.py::test_what_is_paused_or_of_another_team_is_not_there",
    ],
    27: [
        "tests/accounts/test_keys.py::test_attack_27_no_key_lists_keys_or_speaks_for_a_person",
        "tests/accounts/test_keys.py::test_attack_27_a_revoked_key_is_nobodys",
        "tests/accounts/test_keys.py::test_what_a_scope_may_do",
    ],
    28: [
        WALK,
        HERE + "test_secrets.py::test_row28_nor_do_commands_rows_and_the_audit_log",
        HERE + "test_secrets.py::test_row28_nor_do_error_reports_and_logs",
        HERE + "test_secrets.py::test_row28_a_mask_that_comes_back_keeps_what_was_there",
    ],
    29: [ACCOUNTS + "test_a_forged_token_is_refused"],
    30: [ACCOUNTS + "test_a_replayed_refresh_token_ends_the_family"],
    31: [ACCOUNTS + "test_what_ends_sessions_ends_them_all_at_the_next_request"],
    32: [ACCOUNTS + "test_thirty_bad_passwords_through_every_door"],
    33: [ACCOUNTS + "test_row33_a_code_opens_once", ACCOUNTS + "test_row33_guessing_codes_ends_soon"],
    34: [ACCOUNTS + "test_no_answer_tells_who_has_an_account"],
    35: [ACCOUNTS + "test_a_form_from_elsewhere_is_refused", HERE + "test_pages.py::test_v3_htmx_headers_open_nothing"],
    36: [ACCOUNTS + "test_a_log_in_leads_nowhere_else"],
    37: [
        WALK,
        "tests/dashboard/test_hostile.py::test_hostile_words_stay_words_everywhere",
        "tests/statuspages/test_public.py::test_hostile_words_stay_text",
        "tests/statuspages/test_badge_rules.py::test_a_hostile_name_stays_a_name",
        "tests/alerts/test_notifiers.py::test_markup_in_names_is_inert",
    ],
    38: [
        HERE + "test_pages.py::test_what_markdown_becomes",
        "tests/dashboard/test_hostile.py::test_an_address_that_no_browser_should_follow_is_no_link",
    ],
    39: [
        "tests/dashboard/test_hostile.py::test_template_words_are_printed_as_they_are",
        "tests/alerts/test_notifiers.py::test_a_template_fills_strings_and_runs_nothing",
    ],
    40: [
        "tests/alerts/test_notifiers.py::test_nobody_is_called_by_a_monitors_name",
        "tests/alerts/test_notifiers.py::test_no_value_breaks_out_of_its_string",
        "tests/alerts/test_notifiers.py::test_everything_is_json_of_a_bearable_size",
    ],
    41: [
        "tests/alerts/test_notifiers.py::test_a_mail_is_inert_and_its_subject_one_line",
        "tests/accounts/test_teams.py::test_attack_41_a_teams_name_writes_no_mail_headers",
    ],
    42: [
        "tests/dashboard/test_checks_pages.py::test_a_formula_becomes_a_text",
        "tests/dashboard/test_checks_pages.py::test_files_hold_all_pages_and_stop_no_spreadsheet",
    ],
    43: [
        HERE + "test_limits.py::test_row43_the_size_of_a_page",
        HERE + "test_limits.py::test_row43_what_a_query_cannot_reach",
    ],
    44: [
        HERE + "test_limits.py::test_row44_monitors_of_one_team",
        HERE + "test_limits.py::test_row44_checks_a_minute_of_one_team",
        HERE + "test_limits.py::test_row44_checks_a_minute_of_many_changed_at_once",
        HERE + "test_limits.py::test_a_monitor_of_a_monstrous_kind",
        "tests/api/test_middleware.py::test_a_body_announced_as_too_large_is_refused_unread",
    ],
    45: [ACCOUNTS + "test_links_in_mails_lead_to_the_site_itself"],
    46: [HERE + "test_headers.py::test_no_file_but_ours"],
    47: [
        HERE + "test_headers.py::test_what_a_stranger_sees_of_the_machinery",
        HERE + "test_headers.py::test_row47_the_description_of_the_api_is_for_members",
        "tests/operations/test_metrics.py::test_the_token_is_wanted",
    ],
    48: [
        HERE + "test_queues.py::test_in_the_name_of_a_region_with_a_key",
        HERE + "test_queues.py::test_row48_a_region_speaks_for_itself_alone",
        HERE + "test_queues.py::test_row48_nothing_but_json_is_read",
        HERE + "test_broker.py::test_a_region_may_not",
        "tests/checks/test_ingest.py::test_the_same_report_three_times_counts_once",
    ],
    49: [
        "tests/operations/test_logs.py::test_a_hostile_value_is_one_json_line",
        "tests/operations/test_logs.py::test_a_value_of_a_megabyte_is_cut",
        "tests/operations/test_logs.py::test_no_secret_is_written",
    ],
    50: [WALK, "tests/statuspages/test_news.py::test_the_widget_may_be_framed_and_nothing_else"],
    51: [
        HERE + "test_pages.py::test_a_picture_that_is_none_of_the_usual",
        "tests/statuspages/test_pages_api.py::test_a_logo_is_encoded_anew_and_served_with_its_page",
    ],
    52: [
        "tests/attacks/test_slow_clients.py::test_row52_slow_and_idle_clients_stop_nobody",
        "tests/dashboard/test_list.py::test_the_live_part_is_sent_again_only_when_it_changed",
        "tests/dashboard/test_list.py::test_a_delayed_page_does_not_hurry",
    ],
    53: [
        "tests/road/test_survival.py::test_whatever_is_killed_or_sent_three_times_every_slot_counts_once",
        "tests/api/test_weather.py::test_what_needs_no_database_goes_on",
    ],
    54: [
        "tests/regions/test_clock.py::test_special_moments_are_like_any_other",
        "tests/regions/test_clock.py::test_a_clock_set_back_by_minutes_hands_out_nothing_twice",
        "tests/maintenance/test_occurrences.py::test_the_days_on_which_clocks_change",
    ],
    55: [
        HERE + "test_pages.py::test_row55_a_wheel_that_is_another_is_not_installed",
        HERE + "test_pages.py::test_row55_every_requirement_is_pinned_by_hash",
    ],
}

GAPS: dict[int, str] = {
    12: "what an operator opens is open to all teams: a database in an opened network is like any machine there",
    34: "how long answers take is not compared: the hasher runs in both cases, and timings are not asserted",
    52: "nothing caps the tabs of one person: they poll, are answered by ETag, and hold no thread between two polls",
}
"""Parts of rows."""
