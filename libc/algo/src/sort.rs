//! Sorting by index, for `qsort`: in place, without memory, never quadratic.

/// The elements, reached by index only.
pub trait Elements {
    /// Whether element `left` comes before element `right`.
    fn less(&mut self, left: usize, right: usize) -> bool;
    /// Exchanges two elements.
    fn swap(&mut self, left: usize, right: usize);
}

/// Below this an insertion sort needs fewer steps.
const SMALL: usize = 12;

/// Sorts elements `0..length`: quicksort, which turns to heapsort where it goes too deep.
pub fn sort(elements: &mut impl Elements, length: usize) {
    let depth = 2 * (usize::BITS - length.leading_zeros());
    quick(elements, 0, length, depth);
}

fn quick(elements: &mut impl Elements, mut first: usize, mut end: usize, mut depth: u32) {
    while end - first > SMALL {
        if depth == 0 {
            return heap(elements, first, end);
        }
        depth -= 1;
        let pivot = partition(elements, first, end);
        // The smaller part by recursion keeps the stack logarithmic.
        if pivot - first < end - pivot - 1 {
            quick(elements, first, pivot, depth);
            first = pivot + 1;
        } else {
            quick(elements, pivot + 1, end, depth);
            end = pivot;
        }
    }
    insertion(elements, first, end);
}

fn insertion(elements: &mut impl Elements, first: usize, end: usize) {
    for index in first + 1..end.max(first + 1) {
        let mut place = index;
        while place > first && elements.less(place, place - 1) {
            elements.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// Puts the median of three first, and parts the rest around it; returns its place.
fn partition(elements: &mut impl Elements, first: usize, end: usize) -> usize {
    let (middle, last) = (first + (end - first) / 2, end - 1);
    if elements.less(middle, first) {
        elements.swap(middle, first);
    }
    if elements.less(last, middle) {
        elements.swap(last, middle);
        if elements.less(middle, first) {
            elements.swap(middle, first);
        }
    }
    elements.swap(first, middle);
    let (mut low, mut high) = (first, end);
    loop {
        low += 1;
        while low < end && elements.less(low, first) {
            low += 1;
        }
        high -= 1;
        // Bounded by `first` even for a comparison function that contradicts itself.
        while high > first && elements.less(first, high) {
            high -= 1;
        }
        if low >= high {
            break;
        }
        elements.swap(low, high);
    }
    elements.swap(first, high);
    high
}

fn heap(elements: &mut impl Elements, first: usize, end: usize) {
    let length = end - first;
    for root in (0..length / 2).rev() {
        sift(elements, first, root, length);
    }
    for last in (1..length).rev() {
        elements.swap(first, first + last);
        sift(elements, first, 0, last);
    }
}

fn sift(elements: &mut impl Elements, first: usize, mut root: usize, length: usize) {
    loop {
        let mut child = 2 * root + 1;
        if child >= length {
            return;
        }
        if child + 1 < length && elements.less(first + child, first + child + 1) {
            child += 1;
        }
        if !elements.less(first + root, first + child) {
            return;
        }
        elements.swap(first + root, first + child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    struct List(Vec<u32>, usize);

    impl Elements for List {
        fn less(&mut self, left: usize, right: usize) -> bool {
            self.1 += 1;
            self.0[left] < self.0[right]
        }
        fn swap(&mut self, left: usize, right: usize) {
            self.0.swap(left, right);
        }
    }

    proptest! {
        #[test]
        fn sorts_like_rust(values: Vec<u32>) {
            let mut expected = values.clone();
            expected.sort_unstable();
            let length = values.len();
            let mut list = List(values, 0);
            sort(&mut list, length);
            prop_assert_eq!(list.0, expected);
        }
    }

    #[test]
    fn no_input_makes_it_quadratic() {
        let length = 20_000u32;
        for pattern in [
            |index: u32| index,
            |index| index % 2,
            |index| u32::MAX - index,
            |_| 0,
            |index| index ^ 0x5555,
        ] {
            let mut list = List((0..length).map(pattern).collect(), 0);
            sort(&mut list, length as usize);
            assert!(
                list.0.is_sorted() && list.1 < 3_000_000,
                "{} comparisons",
                list.1
            );
        }
    }

    struct Liar;

    impl Elements for Liar {
        fn less(&mut self, left: usize, right: usize) -> bool {
            assert!(left < 1000 && right < 1000);
            true
        }
        fn swap(&mut self, _: usize, _: usize) {}
    }

    #[test]
    fn a_comparison_that_always_says_less_stays_in_bounds() {
        sort(&mut Liar, 1000);
    }
}
