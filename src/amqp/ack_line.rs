//! Which deliveries can be acknowledged with one word. Pure.
//!
//! "Acknowledged up to N" (basic.ack with `multiple`) is said only when everything up to N is done: a delivery that is still
//! in hand stops it, whatever was done after it.

use std::collections::VecDeque;

use tokio::time::Instant;

/// One delivery.
#[derive(Debug)]
struct Place {
    /// The broker counts tags upwards, one channel at a time.
    tag: u64,
    came_at: Instant,
    is_done: bool,
}

/// The deliveries of one channel that are not acknowledged, in their order.
#[derive(Debug, Default)]
pub struct AckLine {
    line: VecDeque<Place>,
}

impl AckLine {
    /// A delivery came, at this moment.
    pub fn push(&mut self, tag: u64, came_at: Instant) {
        self.line.push_back(Place { tag, came_at, is_done: false });
    }

    /// When the delivery came for which the whole line waits: the first that is not acknowledged.
    #[must_use]
    pub fn front_came_at(&self) -> Option<Instant> {
        self.line.front().map(|place| place.came_at)
    }

    /// A delivery is done with.
    pub fn done(&mut self, tag: u64) {
        if let Ok(found) = self.line.binary_search_by_key(&tag, |place| place.tag) {
            self.line[found].is_done = true;
        }
    }

    /// The tag up to which everything is done and not acknowledged yet; they leave the line.
    pub fn take_done(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(place) = self.line.pop_front_if(|place| place.is_done) {
            last = Some(place.tag);
        }
        last
    }

    /// What is done behind something that is not: acknowledged one by one where that one takes long, or nothing more is waited for.
    pub fn take_stragglers(&mut self) -> Vec<u64> {
        let (done, in_hand): (VecDeque<_>, VecDeque<_>) =
            self.line.drain(..).partition(|place| place.is_done);
        self.line = in_hand;
        done.into_iter().map(|place| place.tag).collect()
    }

    /// How many are not acknowledged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether all are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_that_is_not_done_stops_the_word_and_not_the_work() {
        let mut line = AckLine::default();
        (1..=5).for_each(|tag| line.push(tag, Instant::now()));
        assert_eq!(line.take_done(), None);
        [1, 2, 4, 5].into_iter().for_each(|tag| line.done(tag));
        assert_eq!((line.take_done(), line.len()), (Some(2), 3));
        assert_eq!(line.take_done(), None);
        line.done(3);
        assert_eq!((line.take_done(), line.is_empty()), (Some(5), true));
    }

    #[test]
    fn whoever_leaves_says_the_rest_one_by_one() {
        let mut line = AckLine::default();
        (7..=9).for_each(|tag| line.push(tag, Instant::now()));
        line.done(8);
        assert_eq!((line.take_done(), line.take_stragglers(), line.len()), (None, vec![8], 2));
        line.done(100);
        assert_eq!(line.take_done(), None);
    }

    /// However much is done behind it: the age of the line is that of the one that it waits for.
    #[test]
    fn the_line_is_as_old_as_its_front() {
        let (mut line, began) = (AckLine::default(), Instant::now());
        let after = |seconds| began + std::time::Duration::from_secs(seconds);
        assert_eq!(line.front_came_at(), None);
        (1..=4).for_each(|tag| line.push(tag, after(tag)));
        [2, 4].into_iter().for_each(|tag| line.done(tag));
        assert_eq!((line.take_done(), line.front_came_at()), (None, Some(after(1))));
        line.done(1);
        assert_eq!((line.take_done(), line.front_came_at()), (Some(2), Some(after(3))));
    }

    proptest! {
        /// Nothing is acknowledged that is not done, everything is once.
        #[test]
        fn every_order_of_doing_acknowledges_each_once(order in Just((1_u64..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let mut line = AckLine::default();
            (1..=40).for_each(|tag| line.push(tag, Instant::now()));
            let (mut done, mut acknowledged) = (Vec::new(), 0);
            for tag in order {
                line.done(tag);
                done.push(tag);
                if let Some(last) = line.take_done() {
                    prop_assert!(last > acknowledged);
                    prop_assert!((acknowledged + 1..=last).all(|tag| done.contains(&tag)));
                    acknowledged = last;
                }
            }
            prop_assert_eq!((acknowledged, line.is_empty()), (40, true));
        }
    }
}
