//! The exam that every store sits: what the office relies on, each story named after the fear.
//!
//! A store passes if it can be opened afresh and opened again ([`Hall`]) and every story of [`store_exam!`](crate::store_exam)
//! ends well. The one in memory sits it here, the ones on disk in the house's own tests; whatever a store gets wrong on the
//! way is told by the story's name.

pub mod admission;
pub mod house;
pub mod journal;
pub mod kit;
pub mod limits;
pub mod reads;
pub mod register;
pub mod roles;
pub mod set_limits;
pub mod steps;
pub mod strangers;

use super::{House, Journal, Payouts, Register, Roles, Strangers};
use async_trait::async_trait;

/// A story that could not be told to its end.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How a story ends.
pub type Told = Result<(), Trouble>;

/// What sits the exam: all six ports on one store, and clones of it are the same store.
pub trait Examinee: Payouts + House + Journal + Strangers + Roles + Register + Clone + 'static {}

impl<T: Payouts + House + Journal + Strangers + Roles + Register + Clone + 'static> Examinee for T {}

/// Where stores are made for the exam.
#[async_trait]
pub trait Hall: Sync {
    /// What is examined.
    type Store: Examinee;

    /// A store that nobody has used.
    async fn fresh(&self) -> Result<Self::Store, Trouble>;

    /// The same store after its process was gone.
    async fn reopened(&self, store: Self::Store) -> Result<Self::Store, Trouble>;
}

/// One test for each story of the exam, in the module where it is called: `store_exam!(MemoryHall::default())`.
#[macro_export]
macro_rules! store_exam {
    ($hall:expr) => {
        $crate::store_exam! { @each $hall;
            admission::one_key_makes_one_payout_however_often_and_at_once_it_is_sent,
            admission::the_same_key_with_another_request_is_refused,
            admission::a_key_names_one_order_or_one_batch_and_never_both,
            admission::a_batch_is_taken_whole_or_not_at_all,
            admission::what_was_ordered_comes_back_letter_for_letter,
            admission::a_repeated_key_is_answered_with_the_payout_as_it_is_now,
            steps::a_batch_loses_the_row_that_fails_its_guard_and_not_its_others,
            steps::a_second_live_transfer_is_refused_by_the_store_itself,
            steps::a_transaction_id_belongs_to_one_transfer_for_ever,
            steps::of_many_who_step_at_once_one_wins,
            steps::a_second_transfer_is_filed_when_the_first_is_buried,
            steps::steps_of_one_payout_in_one_batch_take_turns,
            steps::a_lost_step_leaves_no_trace,
            steps::a_payout_that_nobody_knows_takes_no_step,
            limits::limits_hold_however_many_come_at_once,
            limits::limits_hold_after_a_restart_and_across_midnight,
            limits::one_accounts_flood_leaves_room_for_the_others,
            limits::what_is_refused_for_a_limit_leaves_no_trace,
            limits::two_who_look_at_one_balance_do_not_promise_it_twice,
            limits::what_is_held_is_released_only_into_room,
            limits::a_clock_that_is_set_back_opens_no_window_twice,
            limits::every_reservation_ends_once_and_the_books_can_be_counted_anew,
            set_limits::one_principals_excess_holds_its_own_however_many_come_at_once,
            set_limits::what_a_principal_spent_counts_after_a_restart_and_across_midnight,
            set_limits::what_a_role_spent_counts_after_a_restart_and_across_midnight,
            set_limits::what_went_by_a_route_counts_after_a_restart_and_across_midnight,
            set_limits::a_raised_limit_lets_what_is_held_go_on_and_no_more,
            set_limits::an_override_passes_away_by_itself,
            set_limits::one_that_is_too_large_by_itself_stops_nobody_behind_it,
            house::a_paused_house_files_no_transfer,
            house::what_the_house_remembers_survives_its_process,
            house::another_chain_is_never_pinned,
            house::what_was_read_of_the_chain_never_goes_back,
            house::a_restore_gate_outlives_its_process,
            house::nobody_is_called_off_while_the_restore_gate_is_shut,
            house::what_was_told_is_remembered_and_never_untold,
            journal::the_journal_has_no_gaps_and_every_hash_is_right,
            journal::every_step_is_written_down_and_its_postings_sum_to_nothing,
            journal::everything_that_can_happen_is_written_under_its_word,
            journal::a_record_says_which_request_has_caused_it,
            journal::two_seals_never_follow_the_same_one,
            journal::the_admissions_own_word_goes_with_what_is_payable,
            journal::a_proof_of_settlement_is_read_back,
            journal::a_search_finds_what_it_says_newest_first_and_nothing_else,
            journal::a_search_that_is_cut_short_goes_on_where_it_ended,
            journal::the_place_behind_a_moment_is_found_whatever_the_clocks_say,
            reads::pages_are_complete_while_orders_come_in,
            reads::filters_find_what_they_say,
            reads::pages_of_several_accounts_are_one_list,
            reads::the_most_urgent_is_paid_first_and_nothing_before_its_time,
            reads::a_stage_is_as_old_as_what_stands_there_longest,
            reads::what_time_may_release_is_found_by_its_reason,
            reads::what_waits_past_its_time_is_found_among_many,
            reads::what_is_set_aside_for_those_who_wait_for_room_is_told_by_who_spends,
            reads::live_transfers_are_found_by_their_expiry,
            reads::transfers_are_found_by_their_block,
            roles::a_role_is_kept_and_taken_up_again_after_a_restart,
            register::an_entry_is_found_by_its_id_its_name_and_its_owner,
            register::of_two_who_change_an_entry_one_is_told_that_it_was_late,
            register::a_name_is_one_entrys_alone,
            register::what_goes_to_another_owner_is_the_others_alone,
            register::what_may_be_used_once_is_used_once_however_many_try,
            register::a_change_that_fails_leaves_no_trace_and_one_that_stands_is_in_the_journal,
            register::what_has_expired_is_forgotten_and_nothing_else,
            register::uses_of_a_key_add_up,
            strangers::a_stranger_is_noted_once_and_keeps_its_place,
        }
    };
    (@each $hall:expr; $($file:ident :: $story:ident,)*) => {
        $(
            #[tokio::test]
            async fn $story() -> $crate::ports::exam::Told {
                $crate::ports::exam::$file::$story(&$hall).await
            }
        )*
    };
}
