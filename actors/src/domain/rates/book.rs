//! The book of who has used what: a page for each principal, forgotten when it has been idle, and never more pages than fit.

use super::Standing;
use super::burst::Burst;
use super::policy::{Measure, Policy, PolicyName};
use super::whom::Principal;
use super::window::Window;
use lru::LruCache;
use std::hash::{BuildHasherDefault, Hasher};

/// What one principal's page may cost while three policies measure it, map included (F004-04: a million under 200 MB).
pub const KEY_BYTES_MAX: usize = 200;

/// The book's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookLimits {
    /// So many principals are known at once; for one more the one that has been idle longest is forgotten.
    pub known_max: usize,
    /// Whoever asked for nothing for so long is forgotten, ms; never shorter than a window.
    pub idle_after_ms: u64,
}

impl Default for BookLimits {
    fn default() -> Self {
        Self { known_max: 1_000_000, idle_after_ms: 600_000 }
    }
}

/// One policy that measures one principal's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Whose counter.
    pub principal: Principal,
    /// Measured how.
    pub policy: Policy,
}

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The request is made: where it passes, it counts.
    Charge,
    /// Whether it would pass; nothing counts.
    Look,
}

/// Whether a request passes, and what its caller hears: the strictest policy's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it passes.
    pub allowed: bool,
    /// The policy that leaves the least, or that refuses for longest.
    pub policy: Policy,
    /// Requests that would pass after this one.
    pub remaining: u32,
    /// How long until one more would pass than passes now, ms; of a refusal, until asking again makes sense.
    pub reset_after_ms: u64,
}

/// What one principal has used.
#[derive(Debug, Clone, Default)]
struct Page {
    burst: Burst,
    minutes: Box<[Window]>,
    last_used_s: u32,
}

/// Who has used what. Time goes on only: a moment before the last one counts as the last one.
pub struct Book {
    pages: LruCache<Principal, Page, BuildHasherDefault<AsItIs>>,
    limits: BookLimits,
    now_ms: u64,
    crowded_out: u64,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(limits: BookLimits) -> Self {
        let pages = LruCache::unbounded_with_hasher(BuildHasherDefault::default());
        Self { pages, limits, now_ms: 0, crowded_out: 0 }
    }

    /// How many principals are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.pages.len()
    }

    /// Decides on one request, at so many ms since the clock's zero. All policies must let it pass, else none is charged.
    /// `None`: nothing measures it. Each counter stands in the charges once.
    pub fn decide(&mut self, charges: &[Charge], purpose: Purpose, now_ms: u64) -> Option<Decision> {
        self.now_ms = self.now_ms.max(now_ms);
        let before = charges.iter().map(|charge| (charge, self.standing(charge)));
        let refusal = before
            .filter(|(_, standing)| standing.left == 0)
            .max_by_key(|(_, standing)| standing.more_after_ms);
        if let Some((charge, standing)) = refusal {
            return Some(told(false, charge, standing));
        }
        if purpose == Purpose::Charge {
            for charge in charges {
                self.charge(charge);
            }
            self.make_room();
        }
        let after = charges.iter().map(|charge| (charge, self.standing(charge)));
        let strictest = after.min_by_key(|(_, standing)| (standing.left, u64::MAX - standing.more_after_ms));
        strictest.map(|(charge, standing)| told(true, charge, standing))
    }

    /// Forgets principals that have been idle, so many at most; gives how many went.
    pub fn forget_idle(&mut self, now_ms: u64, at_most: usize) -> usize {
        self.now_ms = self.now_ms.max(now_ms);
        let idle_after_s = u32::try_from(self.limits.idle_after_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
        let now_s = self.now_s();
        let is_idle = |page: &Page| now_s.saturating_sub(page.last_used_s) > idle_after_s;
        for gone in 0..at_most {
            if !self.pages.peek_lru().is_some_and(|(_, page)| is_idle(page)) {
                return gone;
            }
            self.pages.pop_lru();
        }
        at_most
    }

    /// How many were forgotten because the book was full, since this was asked last.
    pub fn take_crowded_out(&mut self) -> u64 {
        std::mem::take(&mut self.crowded_out)
    }

    fn make_room(&mut self) {
        while self.pages.len() > self.limits.known_max.max(1) {
            self.pages.pop_lru();
            self.crowded_out += 1;
        }
    }

    fn standing(&self, charge: &Charge) -> Standing {
        let page = self.pages.peek(&charge.principal);
        match charge.policy.measure {
            Measure::Burst { capacity, per_second } => {
                let burst = page.map(|page| page.burst).unwrap_or_default();
                burst.standing(capacity, per_second, self.now_ms)
            }
            Measure::Minute(quota) => {
                let counter = charge.policy.name.counter();
                let window = page.and_then(|page| page.window(counter));
                window.unwrap_or(Window::of(counter)).standing(quota, self.now_ms)
            }
        }
    }

    fn charge(&mut self, charge: &Charge) {
        let (now_ms, now_s) = (self.now_ms, self.now_s());
        let page = self.pages.get_or_insert_mut(charge.principal, Page::default);
        page.last_used_s = now_s;
        match charge.policy.measure {
            Measure::Burst { per_second, .. } => page.burst.charge(per_second, now_ms),
            Measure::Minute(_) => page.charge_minute(charge.policy.name.counter(), now_ms),
        }
    }

    fn now_s(&self) -> u32 {
        u32::try_from(self.now_ms / 1_000).unwrap_or(u32::MAX)
    }
}

impl Page {
    fn window(&self, counter: PolicyName) -> Option<Window> {
        self.minutes.iter().find(|window| window.counter == counter).copied()
    }

    fn charge_minute(&mut self, counter: PolicyName, now_ms: u64) {
        if let Some(window) = self.minutes.iter_mut().find(|window| window.counter == counter) {
            return window.charge(now_ms);
        }
        let mut window = Window::of(counter);
        window.charge(now_ms);
        // Grown by one: most principals use two counters, and a million of them share the memory.
        let mut minutes = std::mem::take(&mut self.minutes).into_vec();
        minutes.reserve_exact(1);
        minutes.push(window);
        self.minutes = minutes.into_boxed_slice();
    }
}

fn told(allowed: bool, charge: &Charge, standing: Standing) -> Decision {
    let (remaining, reset_after_ms) = (standing.left, standing.more_after_ms);
    Decision { allowed, policy: charge.policy, remaining, reset_after_ms }
}

/// A principal is a keyed hash already: its own bits choose its place.
#[derive(Debug, Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = (value & u128::from(u64::MAX)) as u64;
    }
}

#[cfg(test)]
mod size {
    use super::*;

    /// F004-04: what a principal costs whom three policies measure, as the types and the map say it. The bench measures it.
    #[test]
    fn a_million_principals_fit_into_two_hundred_megabytes() {
        let node = size_of::<Principal>() + size_of::<Page>() + 2 * size_of::<usize>();
        // A map that has just grown is half full: two places of two pointers and a byte each for every node.
        let place = 2 * (2 * size_of::<usize>() + 1);
        let minutes = 2 * size_of::<Window>();
        assert_eq!(size_of::<Window>(), 32);
        assert!(node + place + minutes <= KEY_BYTES_MAX, "{node} + {place} + {minutes}");
    }
}
