#pragma once

/// Defects planted on purpose, to see that the suites find them, and points at which a process can
/// be made to end. They exist in a build of their own (`-DSTOA_PLANTED=ON`, the preset `planted`);
/// elsewhere all of it is constant and leaves nothing in the program.
///
/// There `STOA_PLANT=NAME` turns one defect on (`STOA_PLANT=list` prints the names), and
/// `STOA_CRASH_AT=POINT:N` kills the process when it passes the point for the Nth time.
namespace stoa {

// clang-format off
#define STOA_DEFECTS(defect) \
  defect(no_idempotency_lookup) defect(reply_before_commit) defect(checkpoint_before_effect) \
  defect(expected_revision_ignored) defect(inbox_position_ignored) \
  defect(off_by_one_in_position) defect(gap_ignored) defect(hash_unchained) \
  defect(recorded_at_falls) defect(batch_not_retried) defect(never_shed) \
  defect(rollback_keeps_memory) defect(news_wakeup_lost) defect(cache_not_invalidated) \
  defect(cache_takes_older) defect(price_at_payment) defect(rounding_per_line) \
  defect(offers_stale) defect(expiry_ignores_payment) defect(cancel_keeps_money) \
  defect(over_fulfilment) defect(refund_above_paid) defect(personal_data_unsealed) \
  defect(capture_not_deduplicated) defect(compensation_not_retried) \
  defect(webhook_signature_unchecked) defect(webhook_age_unchecked) \
  defect(webhook_repeat_taken) defect(provider_called_before_commit) defect(not_found_is_final) \
  defect(work_forgotten) defect(wrong_amount_accepted) defect(refund_reserve_ignored) \
  defect(oversell) defect(reservation_not_released_on_decline) defect(fulfilment_counted_twice) \
  defect(transfer_one_half) defect(closed_location_serves) defect(backorder_limit_ignored) \
  defect(count_applies_counted) defect(search_misses_updates) defect(search_trusts_any_log) \
  defect(search_counts_released) defect(lost_wakeup) defect(job_not_resumed) \
  defect(job_checkpoint_lost) defect(backup_keeps_keys) defect(backup_misses_changes) \
  defect(restore_keeps_epoch) defect(mail_not_taken_up) defect(mail_key_changes) \
  defect(mail_sent_before_commit) defect(no_fence) defect(unanswered_commit_is_done) \
  defect(position_from_sequence) defect(confirm_ignored) defect(acknowledge_before_effect) \
  defect(retry_without_key) defect(lease_ignored) defect(claim_ignored) defect(tails_unread) \
  defect(cut_unheard) defect(lost_place_skipped) defect(epochs_unread)

#define STOA_POINTS(point) \
  point(before_append) point(after_append) point(before_commit) point(after_commit) \
  point(before_reply) point(after_reply) point(before_publish) point(after_publish) \
  point(before_checkpoint) point(after_checkpoint) point(before_wal_checkpoint) \
  point(after_wal_checkpoint) point(before_provider_call) point(after_provider_call) \
  point(before_mail) point(after_mail)
// clang-format on

#define STOA_ONE(name) name,
enum class Defect { STOA_DEFECTS(STOA_ONE) };
enum class Point { STOA_POINTS(STOA_ONE) };
#undef STOA_ONE

#ifdef STOA_PLANTED
inline constexpr bool is_planted_build = true;
/// Whether this run has the defect.
bool planted(Defect defect);
/// Ends the process by SIGKILL when this is where it is to end.
void at_point(Point point);
#else
inline constexpr bool is_planted_build = false;
constexpr bool planted(Defect) { return false; }
constexpr void at_point(Point) {}
#endif

}  // namespace stoa
