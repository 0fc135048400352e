//! What is seen of the chain in this round, by every node that answers and is on our chain.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::lead::aside_until_ms;
use crate::domain::payout::BlockRef;
use crate::domain::tron::block::Block;
use crate::ports::{BlockMark, ChainFault, ChainNode, HouseChange, HouseFacts, View};
use serde_json::json;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// One node's newest blocks.
pub(super) struct Eye {
    pub(super) node: Arc<dyn ChainNode>,
    pub(super) head: Block,
    pub(super) solid: BlockMark,
}

/// Everything that is seen in this round. The first eye is the one that is read.
pub(super) struct Eyes {
    pub(super) open: Vec<Eye>,
}

impl Eyes {
    /// The node that is read.
    pub(super) fn lead(&self) -> &Eye {
        &self.open[0]
    }
}

pub(super) fn mark_of(block: &Block) -> BlockMark {
    BlockMark { block: BlockRef { number: block.number(), id: block.id }, timestamp_ms: block.timestamp_ms() }
}

/// Looks at every node; at least one must answer. The first start pins the chain and notes where the store was born.
pub(super) async fn open(desk: &Rc<Desk>, facts: &HouseFacts) -> Result<Eyes, String> {
    let looks = desk.tools.nodes.iter().map(|node| look_in_time(desk, node.clone(), facts));
    let mut open = Vec::new();
    let mut why = "no node is configured".to_owned();
    for look in futures_util::future::join_all(looks).await {
        match look {
            Ok(eye) => open.push(eye),
            Err(fault) => why = fault,
        }
    }
    if open.is_empty() {
        return Err(why);
    }
    // Neither one that was found wanting is the one to read, nor one that is far behind another.
    let aside = |eye: &Eye| aside_until_ms(desk, eye.node.name());
    let well = open.iter().filter(|eye| aside(eye) == 0);
    let furthest = well.map(|eye| eye.solid.block.number).max().unwrap_or(0);
    let lags = |eye: &Eye| eye.solid.block.number.saturating_add(LAG_BLOCKS_MAX) < furthest;
    open.sort_by_cached_key(|eye| (aside(eye), lags(eye)));
    let eyes = Eyes { open };
    settle_in(desk, &eyes, facts).await?;
    let mut view = desk.view.borrow_mut();
    view.head_number = eyes.lead().head.number();
    let reading_from = eyes.lead().node.name().to_owned();
    if view.reading_from.as_ref().is_some_and(|before| *before != reading_from) {
        warn!(node = reading_from, before = view.reading_from, "another node is read from now on");
    }
    view.reading_from = Some(reading_from);
    view.put_aside = desk.put_aside.borrow().clone();
    view.put_aside.retain(|name, _| aside_until_ms(desk, name) > 0);
    Ok(eyes)
}

/// Blocks by which the node that is read may be behind another.
pub(super) const LAG_BLOCKS_MAX: u64 = 5;

/// How long a look may take: a node that hangs is as good as away, and keeps the house from seeing through no other.
const PATIENCE: Duration = Duration::from_secs(5);

async fn look_in_time(desk: &Rc<Desk>, node: Arc<dyn ChainNode>, facts: &HouseFacts) -> Result<Eye, String> {
    let name = node.name().to_owned();
    let look = tokio::time::timeout(PATIENCE, look_through(desk, node, facts)).await;
    look.unwrap_or_else(|_| Err(format!("{name}: it does not answer in time")))
}

async fn look_through(desk: &Rc<Desk>, node: Arc<dyn ChainNode>, facts: &HouseFacts) -> Result<Eye, String> {
    let said = |fault: ChainFault| format!("{}: {fault}", node.name());
    vet(desk, node.as_ref(), facts).await?;
    let head = node.now_block(View::Head).await.map_err(said)?;
    let solid = node.now_block(View::Solid).await.map_err(said)?;
    for block in [&head, &solid] {
        if let Err(doctored) = block.check_id() {
            let facts = json!({ "node": node.name(), "why": doctored.to_string() });
            raise(desk, Alarm::DoctoredBlock, &block.id.to_string(), None, facts).await?;
            return Err(format!("{}: {doctored}", node.name()));
        }
    }
    Ok(Eye { solid: mark_of(&solid), head, node: node.clone() })
}

/// The genesis id is pinned in the store: a node of another chain is refused, at the start and later.
async fn vet(desk: &Rc<Desk>, node: &dyn ChainNode, facts: &HouseFacts) -> Result<(), String> {
    let now_ms = desk.tools.clock.now_ms();
    let vetted_at = desk.vetted.borrow().get(node.name()).copied();
    if vetted_at.is_some_and(|at| now_ms.saturating_sub(at) < desk.tools.settings.recheck_every_ms) {
        return Ok(());
    }
    let genesis_id = node.genesis_id().await.map_err(|fault| format!("{}: {fault}", node.name()))?;
    match facts.genesis_id {
        Some(pinned) if pinned != genesis_id => {
            desk.vetted.borrow_mut().remove(node.name());
            let facts = json!({ "node": node.name(), "genesis_id": genesis_id, "pinned": pinned });
            raise(desk, Alarm::ForeignChain, node.name(), None, facts).await?;
            return Err(format!("{}: it is a node of another chain (genesis {genesis_id})", node.name()));
        }
        Some(_) => {}
        None => {
            let change = vec![HouseChange::PinGenesis(genesis_id)];
            desk.tools.house.change(change, now_ms).await.map_err(|fault| fault.to_string())?;
        }
    }
    desk.vetted.borrow_mut().insert(node.name().to_owned(), now_ms);
    Ok(())
}

/// The first round of a watcher: where was the store born, how far has it read, and must it catch up first?
async fn settle_in(desk: &Rc<Desk>, eyes: &Eyes, facts: &HouseFacts) -> Result<(), String> {
    if desk.last_solid.get().is_some() {
        return Ok(());
    }
    let solid = eyes.lead().solid;
    let last_solid = match facts.last_solid {
        Some(mark) => mark,
        None => {
            let changes = vec![HouseChange::Birth(solid), HouseChange::LastSolid(solid)];
            desk.tools
                .house
                .change(changes, desk.tools.clock.now_ms())
                .await
                .map_err(|fault| fault.to_string())?;
            solid
        }
    };
    let gap_ms = solid.timestamp_ms.saturating_sub(last_solid.timestamp_ms);
    desk.catching_up.set(facts.restore_gate.is_some() || gap_ms > desk.tools.settings.restore_gap_ms);
    desk.last_solid.set(Some(last_solid));
    Ok(())
}
