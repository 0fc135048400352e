//! One round: look at what is payable, ask every rule once more, sign and file a batch, hand it to the sender.

use super::adopt;
use super::build::{BuildBasis, call_of, sign};
use super::{Desk, WorkerTools, lapse, switch};
use crate::chain_sight::{ChainSight, may_sign_by};
use crate::domain::payout::{Attempt, Command, ORDER_DIGEST_PURPOSE, Payout, Reason, order_digest};
use crate::domain::stranger::{FINGERPRINT_PURPOSE, MarkMaker};
use crate::domain::tron::{PayoutCall, SignedTransfer};
use crate::guardian::LookNow;
use crate::metrics_names;
use crate::ports::{Gate, HouseFacts, StoreFault};
use crate::room::Room;
use crate::rounds::Found;
use crate::treasurer::{Cover, CoverPayouts, PromisesOver, Want, WhatBlocks};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};

/// One round. Whatever goes wrong is told in the view and tried again at the next look.
pub(super) async fn look(desk: Rc<Desk>) -> Found {
    let gather_ms = desk.tools.settings.gather_ms;
    if gather_ms > 0 && !desk.is_behind.get() {
        tokio::time::sleep(Duration::from_millis(gather_ms)).await;
    }
    let result = try_look(&desk).await;
    desk.is_behind.set(result == Ok(Found::More));
    let mut view = desk.view.borrow_mut();
    match result {
        Ok(found) => {
            view.signing_waits_for = None;
            found
        }
        Err(why) => {
            if view.signing_waits_for.as_ref() != Some(&why) {
                warn!(why, "nothing is signed for now");
            }
            view.signing_waits_for = Some(why);
            // Whoever is behind those that wait is looked at at once.
            if desk.put_off.has_grown() { Found::More } else { Found::Nothing }
        }
    }
}

async fn try_look(desk: &Rc<Desk>) -> Result<Found, String> {
    let tools = &desk.tools;
    let facts = switch::read(desk).await.map_err(|fault| fault.to_string())?;
    let now_ms = tools.clock.now_ms().max(facts.latest_ms);
    let sight = may_sign_by(
        *tools.sight.borrow(),
        tools.clock.now_ms(),
        tools.wall.now_ms(),
        tools.settings.sight_stale_ms,
    );
    if let (Ok(sight), None, true) = (&sight, &facts.restore_gate, lapse::is_due(desk)) {
        // Whoever can not be called off keeps nobody from being paid.
        if let Err(fault) = lapse::end_the_overdue(desk, &basis(tools, &facts, *sight, now_ms)).await {
            warn!(%fault, "payouts whose time is over can not be called off");
        }
    }
    if let Some(pause) = &facts.pause {
        return Err(format!("the house is paused: {}", pause.reason));
    }
    if desk.sender.unsent() >= tools.settings.unsent_max {
        return Err("the nodes take transfers more slowly than they are signed".to_owned());
    }
    let sight = sight?;
    let put_off = desk.put_off.ids();
    // What is claimed is kept from the other daemons: first it is asked whether anything can be paid here at all.
    let blocked = tools.treasurer.ask(WhatBlocks).await.map_err(|gone| format!("the treasurer: {gone}"))?;
    if let Some(why) = blocked {
        desk.put_off.forget();
        return Err(why);
    }
    let batch_max = tools.settings.batch_max;
    let payable = tools.ledger.payouts().payable(now_ms, batch_max, &put_off).await.map_err(said)?;
    if payable.is_empty() {
        return desk.put_off.why().map_or(Ok(Found::Nothing), Err);
    }
    let full_batch = payable.len() >= batch_max as usize;
    let moved = advance(desk, payable, &facts, &sight, now_ms).await?;
    Ok(if moved && full_batch { Found::More } else { Found::Nothing })
}

fn said(fault: StoreFault) -> String {
    fault.to_string()
}

fn basis(tools: &WorkerTools, facts: &HouseFacts, sight: ChainSight, now_ms: i64) -> BuildBasis {
    BuildBasis {
        marks: MarkMaker::new(tools.signer.derived_key(FINGERPRINT_PURPOSE), facts.store_id.clone()),
        order_digest_key: tools.signer.derived_key(ORDER_DIGEST_PURPOSE),
        sight,
        now_ms,
    }
}

/// Brings a batch one step closer. `false`: nothing moved, so that there is no use in looking again at once.
async fn advance(
    desk: &Rc<Desk>,
    payable: Vec<(Payout, [u8; 32])>,
    facts: &HouseFacts,
    sight: &ChainSight,
    now_ms: i64,
) -> Result<bool, String> {
    let (tools, began) = (&desk.tools, Instant::now());
    let basis = basis(tools, facts, *sight, now_ms);
    let (payable, known_again) = adopt::known_again(desk, payable, &basis).await.map_err(said)?;
    let spenders = payable.iter().map(|(payout, _)| payout.spender());
    let room = Room::of_those_who_move(tools.ledger.payouts(), spenders, tools.limits, now_ms);
    let mut room = room.await.map_err(said)?;
    let mut aside: Vec<(Payout, Command)> = Vec::new();
    let mut clear = Vec::with_capacity(payable.len());
    // Where there is not room for all, the least urgent wait.
    for (payout, admitted_digest) in payable.into_iter().rev() {
        match ask_once_more(tools, &payout, &admitted_digest, &basis, &mut room) {
            Ok(call) => clear.push((payout, call)),
            Err(command) => aside.push((payout, *command)),
        }
    }
    clear.reverse();
    let (signed, committed_max_micro_usdt) = cover_and_sign(desk, clear, &mut aside, &basis).await?;
    let put_aside = aside.len();
    if !aside.is_empty() {
        tools.ledger.carry_out(aside, Gate::Open, now_ms).await.map_err(said)?;
    }
    let filed = match signed.len() {
        0 => Vec::new(),
        _ => tools.ledger.file(signed, committed_max_micro_usdt, now_ms).await.map_err(said)?,
    };
    tools.treasurer.tell(PromisesOver);
    if filed.iter().any(Option::is_none) {
        // Another daemon may have had the money first: the next answer is after a look of its own.
        tools.treasurer.tell(LookNow);
    }
    let filed: Vec<_> = filed.into_iter().flatten().collect();
    let count = filed.len();
    if count > 0 {
        metrics::histogram!(metrics_names::PREPARE_SECONDS).record(began.elapsed());
    }
    desk.sender.send_first(desk, filed);
    let mut view = desk.view.borrow_mut();
    view.filed = view.filed.saturating_add(count as u64);
    view.put_aside = view.put_aside.saturating_add(put_aside as u64);
    Ok(count > 0 || put_aside > 0 || known_again > 0)
}

/// F002-04: every rule that was asked at the door is asked again before a signature.
fn ask_once_more(
    tools: &WorkerTools,
    payout: &Payout,
    admitted_digest: &[u8; 32],
    basis: &BuildBasis,
    room: &mut Room,
) -> Result<PayoutCall, Box<Command>> {
    let now_ms = basis.now_ms;
    if payout.order.not_after_ms.is_some_and(|until| now_ms >= until) {
        return Err(Box::new(Command::Cancel(Reason::Deadline)));
    }
    // The order is what was admitted: a thief with the database file redirects nothing.
    let digest = order_digest(&basis.order_digest_key, payout.id, &payout.account, &payout.order);
    if digest != *admitted_digest || digest != payout.order_digest {
        error!(payout = %payout.id, "the stored order is not the admitted one: held");
        return Err(Box::new(Command::Hold(Reason::OrderAltered)));
    }
    if let Some(problem) = tools.policy.refusals(&payout.order, now_ms).first() {
        let reason = if problem.pointer == "/kyc/expiry" { Reason::KycExpired } else { Reason::Policy };
        warn!(payout = %payout.id, pointer = problem.pointer, detail = problem.detail, "held before signing");
        return Err(Box::new(Command::Hold(reason)));
    }
    if let Err(broken) = room.keep(payout) {
        return Err(Box::new(Command::Hold(broken.into())));
    }
    call_of(payout, &tools.policy).ok_or_else(|| Box::new(Command::Hold(Reason::Policy)))
}

async fn cover_and_sign(
    desk: &Rc<Desk>,
    clear: Vec<(Payout, PayoutCall)>,
    aside: &mut Vec<(Payout, Command)>,
    basis: &BuildBasis,
) -> Result<(Vec<(Payout, Attempt, SignedTransfer)>, u64), String> {
    let tools = &desk.tools;
    if clear.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let wants = clear
        .iter()
        .map(|(payout, call)| Want { order: payout.order.clone(), call_data: call.call_data() })
        .collect();
    let covers =
        tools.treasurer.ask(CoverPayouts(wants)).await.map_err(|gone| format!("the treasurer: {gone}"))?;
    if !switch::lets_pass(desk).await {
        return Err("the house was paused, or nobody says that it was not".to_owned());
    }
    let mut signed = Vec::with_capacity(clear.len());
    let mut later = None;
    for ((payout, call), cover) in clear.into_iter().zip(covers.each) {
        match cover {
            Cover::Covered { fee_limit_sun } => match sign(tools, &payout, call, fee_limit_sun, basis) {
                Ok((attempt, transfer)) => signed.push((payout, attempt, transfer)),
                // One that can not be built must not keep the others of its batch in the house.
                Err(why) => {
                    error!(payout = %payout.id, why, "it can not be signed");
                    let why = format!("payout {}: {why}", payout.id);
                    desk.put_off.add(payout.id, &why);
                    later = Some(why);
                }
            },
            Cover::Hold(reason) => aside.push((payout, Command::Hold(reason))),
            Cover::Later(why) => {
                desk.put_off.add(payout.id, &why);
                later = Some(why);
            }
        }
    }
    match later {
        Some(why) if signed.is_empty() && aside.is_empty() => Err(why),
        _ => Ok((signed, covers.committed_max_micro_usdt)),
    }
}
