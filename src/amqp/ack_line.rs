//! Which deliveries can be acknowledged with one word. Pure.
//!
//! "Acknowledged up to N" (basic.ack with `multiple`) is said only when everything up to N is done: a delivery that is still
//! in hand stops it, whatever was done after it.

use std::collections::VecDeque;

/// The deliveries of one channel that are not acknowledged, in their order.
#[derive(Debug, Default)]
pub struct AckLine {
    /// Each with its tag and whether it is done. The broker counts tags upwards, one channel at a time.
    line: VecDeque<(u64, bool)>,
}

impl AckLine {
    /// A delivery came.
    pub fn push(&mut self, tag: u64) {
        self.line.push_back((tag, false));
    }

    /// A delivery is done with.
    pub fn done(&mut self, tag: u64) {
        if let Ok(place) = self.line.binary_search_by_key(&tag, |(tag, _)| *tag) {
            self.line[place].1 = true;
        }
    }

    /// The tag up to which everything is done and not acknowledged yet; they leave the line.
    pub fn take_done(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some((tag, true)) = self.line.front() {
            last = Some(*tag);
            self.line.pop_front();
        }
        last
    }

    /// What is done behind something that is not: acknowledged one by one when nothing more is waited for.
    pub fn take_stragglers(&mut self) -> Vec<u64> {
        let (done, in_hand): (VecDeque<_>, VecDeque<_>) = self.line.drain(..).partition(|(_, done)| *done);
        self.line = in_hand;
        done.into_iter().map(|(tag, _)| tag).collect()
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
        (1..=5).for_each(|tag| line.push(tag));
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
        (7..=9).for_each(|tag| line.push(tag));
        line.done(8);
        assert_eq!((line.take_done(), line.take_stragglers(), line.len()), (None, vec![8], 2));
        line.done(100);
        assert_eq!(line.take_done(), None);
    }

    proptest! {
        /// Nothing is acknowledged that is not done, everything is once.
        #[test]
        fn every_order_of_doing_acknowledges_each_once(order in Just((1_u64..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let mut line = AckLine::default();
            (1..=40).for_each(|tag| line.push(tag));
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
