//! The list against a plain deque, with packs limited so that chunks split, merge and shrink all the time.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

impl List {
    fn check(&self) {
        match &self.body {
            Body::Small(pack) => pack.check(),
            Body::Large(chunks) => chunks.check(self.fill),
        }
    }

    fn chunk_count(&self) -> usize {
        match &self.body {
            Body::Small(_) => 0,
            Body::Large(chunks) => chunks.chunk_count(),
        }
    }
}

type Model = VecDeque<Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    Push(End, Vec<u8>),
    Pop(End, usize),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    RemoveRange(usize, usize),
    Trim(usize, usize),
    RemoveEqual(usize, usize, End),
    CloneAndPush(Vec<u8>),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Front), Just(End::Back)]
}

/// Short ones that repeat, integers, and sizes around each border of the layout.
fn element() -> impl Strategy<Value = Vec<u8>> {
    let filled = |len: usize| vec![b'x'; len];
    prop_oneof![
        4 => (0u8..3).prop_map(|n| vec![b'a' + n]),
        3 => prop::collection::vec(any::<u8>(), 0..4),
        4 => (-300i64..300).prop_map(|n| n.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => (125usize..131).prop_map(filled),
        1 => (16_378usize..16_388).prop_map(filled),
        1 => (4080usize..4100).prop_map(filled),
        1 => (8170usize..8200).prop_map(filled),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let index = 0usize..80;
    prop_oneof![
        8 => (end(), element()).prop_map(|(end, e)| Op::Push(end, e)),
        3 => (end(), 0usize..6).prop_map(|(end, n)| Op::Pop(end, n)),
        3 => (index.clone(), element()).prop_map(|(i, e)| Op::Set(i, e)),
        4 => (index.clone(), element()).prop_map(|(i, e)| Op::Insert(i, e)),
        2 => (index.clone(), 0usize..12).prop_map(|(i, n)| Op::RemoveRange(i, n)),
        1 => (0usize..8, 20usize..90).prop_map(|(i, n)| Op::Trim(i, n)),
        2 => (index, 0usize..5, end()).prop_map(|(i, n, end)| Op::RemoveEqual(i, n, end)),
        1 => element().prop_map(Op::CloneAndPush),
    ]
}

fn model_remove_equal(model: &mut Model, element: &[u8], max: usize, end: End) -> usize {
    let mut places: Vec<usize> = (0..model.len()).filter(|&i| model[i] == element).collect();
    if end == End::Back {
        places.reverse();
    }
    places.truncate(max);
    places.sort_unstable();
    for &place in places.iter().rev() {
        model.remove(place);
    }
    places.len()
}

fn apply(list: &mut List, model: &mut Model, op: Op) {
    match op {
        Op::Push(End::Front, e) => {
            list.push_front(&e);
            model.push_front(e);
        }
        Op::Push(End::Back, e) => {
            list.push_back(&e);
            model.push_back(e);
        }
        Op::Pop(end, count) => {
            let mut popped = Vec::new();
            list.pop_with(end, count, |e| popped.push(e.to_vec()));
            let pop = |_| if end == End::Front { model.pop_front() } else { model.pop_back() };
            let expected: Vec<_> = (0..count).map_while(pop).collect();
            assert_eq!(popped, expected);
        }
        Op::Set(i, e) => {
            assert_eq!(list.set(i, &e), i < model.len());
            if let Some(old) = model.get_mut(i) {
                *old = e;
            }
        }
        Op::Insert(i, e) => {
            assert_eq!(list.insert(i, &e), i <= model.len());
            if i <= model.len() {
                model.insert(i, e);
            }
        }
        Op::RemoveRange(i, count) => {
            let end = (i + count).min(model.len());
            assert_eq!(list.remove_range(i, count), end.saturating_sub(i));
            if i < end {
                model.drain(i..end);
            }
        }
        Op::Trim(i, count) => {
            list.trim(i, count);
            *model = model.iter().skip(i).take(count).cloned().collect();
        }
        Op::RemoveEqual(i, max, end) => {
            let element = model.get(i).cloned().unwrap_or_default();
            assert_eq!(list.remove_equal(&element, max, end), model_remove_equal(model, &element, max, end));
        }
        Op::CloneAndPush(e) => {
            let before = list.clone();
            list.set(0, &e);
            list.push_back(&e);
            assert!(before.iter().eq(model.iter().map(Vec::as_slice)), "the copy does not see the change");
            if let Some(first) = model.front_mut() {
                first.clone_from(&e);
            }
            model.push_back(e);
        }
    }
}

fn agree(list: &List, model: &Model, probe: usize) {
    list.check();
    assert_eq!(list.len(), model.len());
    assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
    assert!(list.iter_rev().eq(model.iter().rev().map(Vec::as_slice)));
    assert_eq!(list.get(probe), model.get(probe).map(Vec::as_slice));
    assert!(list.iter_range(probe, 7).eq(model.iter().skip(probe).take(7).map(Vec::as_slice)));
    let back = model.len().saturating_sub(probe + 1);
    assert!(list.iter_range_rev(probe, 7).eq(model.iter().rev().skip(back).take(7).map(Vec::as_slice)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_list_does_what_a_deque_does(
        fill in prop_oneof![Just(1), Just(2), Just(3), Just(7), Just(-1), Just(-2)],
        ops in prop::collection::vec((op(), 0usize..80), 1..120),
    ) {
        let mut list = List::with_fill(Fill::from_directive(fill));
        let mut model = Model::new();
        for (op, probe) in ops {
            apply(&mut list, &mut model, op);
            agree(&list, &model, probe);
        }
    }

    #[test]
    fn a_change_to_one_holder_of_shared_packs_never_shows_in_another(
        fill in prop_oneof![Just(1), Just(3), Just(-2)],
        fork in prop::collection::vec((0usize..4, 0usize..4), 40),
        ops in prop::collection::vec((op(), 0usize..4, 0usize..80), 1..160),
    ) {
        let mut held = vec![(List::with_fill(Fill::from_directive(fill)), Model::new()); 4];
        let mut forks = fork.into_iter();
        for (number, (op, at, probe)) in ops.into_iter().enumerate() {
            if number % 4 == 0 && let Some((from, to)) = forks.next() {
                held[to] = held[from].clone();
            }
            let (list, model) = &mut held[at];
            apply(list, model, op);
            for (list, model) in &held {
                agree(list, model, probe);
            }
        }
    }
}

fn filled(element: &[u8], count: usize) -> List {
    let mut list = List::new();
    for _ in 0..count {
        list.push_back(element);
    }
    list
}

#[test]
fn a_list_outgrows_its_pack_at_the_element_where_valkeys_does() {
    for (len, at) in [(64, 123), (10, 683), (4000, 3), (8000, 2), (8170, 2), (8180, 2), (8190, 1), (8193, 1)]
    {
        let element = vec![b'x'; len];
        assert_eq!(filled(&element, at - 1).encoding(), "listpack", "{len}");
        assert_eq!(filled(&element, at).encoding(), "quicklist", "{len}");
    }
    for (element, at) in [(&b"12345"[..], 2047), (b"7", 4094)] {
        assert_eq!(filled(element, at - 1).encoding(), "listpack");
        assert_eq!(filled(element, at).encoding(), "quicklist");
    }
}

#[test]
fn a_list_becomes_one_pack_again_at_half_its_limit() {
    let mut list = filled(&[b'x'; 64], 123);
    while list.encoding() == "quicklist" {
        list.pop_back();
    }
    assert_eq!(list.len(), 61);

    let mut list = filled(&[b'x'; 64], 123);
    list.pop_with(End::Front, 121, |_| {});
    assert_eq!(list.encoding(), "quicklist", "the chunk that is left alone decides, and there are two");
    list.pop_front();
    assert_eq!(list.encoding(), "listpack");
}

#[test]
fn a_short_list_costs_few_bytes() {
    let mut list = List::new();
    for element in [&b"alpha"[..], b"beta", b"gamma"] {
        list.push_back(element);
    }
    assert!(list.heap_bytes() <= 32, "{}", list.heap_bytes());
    assert!(size_of::<List>() <= 40, "{}", size_of::<List>());
}

#[test]
fn a_queue_that_passes_a_million_elements_keeps_its_size() {
    let mut list = filled(&[b'q'; 64], 20);
    let before = list.heap_bytes();
    for _ in 0..1_000_000 {
        list.push_back(&[b'q'; 64]);
        list.pop_front();
    }
    assert_eq!(list.len(), 20);
    assert!(list.heap_bytes() <= before * 3, "{} after {before}", list.heap_bytes());
}

#[test]
fn removals_in_the_middle_leave_no_row_of_nearly_empty_chunks() {
    let mut list = filled(&[b'x'; 64], 20_000);
    let chunks = list.chunk_count();
    let mut at = 0;
    while at + 9 < list.len() {
        list.remove_range(at, 9);
        at += 1;
    }
    list.check();
    assert!(list.chunk_count() <= chunks / 3, "{} of {chunks} chunks", list.chunk_count());
}

#[test]
fn a_trimmed_or_emptied_copy_leaves_the_other_whole() {
    let list = filled(&[b'x'; 64], 20_000);
    let mut copy = list.clone();
    copy.trim(5_000, 10_000);
    copy.check();
    assert_eq!((copy.len(), list.len()), (10_000, 20_000));
    copy.pop_with(End::Front, usize::MAX, |_| {});
    assert!(copy.is_empty() && list.iter().all(|element| element == [b'x'; 64]));
    list.check();
}

#[test]
fn full_chunks_waste_little_room() {
    for len in [8, 64, 700, 3000] {
        let list = filled(&vec![b'x'; len], (4 << 20) / len);
        let payload = list.len() * len;
        assert!(list.heap_bytes() < payload + payload / 3, "{len}: {} for {payload}", list.heap_bytes());
    }
}
