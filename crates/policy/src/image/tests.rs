use super::*;
use model::ListLine;
use proptest::prelude::*;

const BLOCK: (Effect, Weight) = (Effect::Block, Weight::Usual);
const EXCEPT: (Effect, Weight) = (Effect::Exception, Weight::Usual);
const IMPORTANT_BLOCK: (Effect, Weight) = (Effect::Block, Weight::Important);
const IMPORTANT_EXCEPT: (Effect, Weight) = (Effect::Exception, Weight::Important);

#[derive(Clone, Debug)]
struct Line(&'static str, Reach, (Effect, Weight), &'static str);

fn bytes_of(lines: &[Line]) -> Vec<u8> {
    let mut writer = ImageWriter::default();
    let list = writer.list(new_list("one", Timestamp(7))).unwrap();
    for (line, Line(name, reach, (effect, weight), category)) in (1..).zip(lines) {
        let (reach, effect, weight) = (*reach, *effect, *weight);
        let category = Category::parse(category).unwrap();
        let host = &Host::parse(name).unwrap();
        writer.push(list, NewEntry { host, reach, effect, weight, category, line });
    }
    writer.finish().unwrap()
}

fn new_list(id: &str, read_at: Timestamp) -> NewList {
    let dropped = vec![("no host name".into(), 3)];
    NewList { id: ListId::new(id), name: "A list".into(), read_at, dropped }
}

fn image(lines: &[Line]) -> Image {
    Image::from_bytes(bytes_of(lines)).unwrap()
}

fn categories(image: &Image, host: &str) -> Vec<&'static str> {
    let host = Host::parse_asked(host).unwrap();
    image.lookup(&host).categories().iter().map(Category::slug).collect()
}

#[test]
fn an_entry_covers_what_its_reach_says_and_names_its_line() {
    let image = image(&[
        Line("example.com", Reach::Subtree, BLOCK, "games"),
        Line("one.example.org", Reach::Exact, BLOCK, "news"),
        Line("198.51.100.7", Reach::Exact, BLOCK, "malware"),
        Line("2001:db8::7", Reach::Exact, BLOCK, "malware"),
    ]);
    for (host, expected) in [
        ("example.com", vec!["games"]),
        ("a.b.example.com", vec!["games"]),
        ("notexample.com", vec![]),
        ("com", vec![]),
        ("one.example.org", vec!["news"]),
        ("www.one.example.org", vec![]),
        ("198.51.100.7", vec!["malware"]),
        ("198.51.100.8", vec![]),
        ("[2001:db8::7]", vec!["malware"]),
        ("x.7.100.51.198", vec![]),
    ] {
        assert_eq!(categories(&image, host), expected, "{host}");
    }
    let games = Category::parse("games").unwrap();
    let host = Host::parse("www.example.com").unwrap();
    let hits = image.lookup(&host);
    assert_eq!(hits.name(games).as_deref(), Some("example.com"));
    assert_eq!(hits.line(games), Some(ListLine { list: ListId::new("one"), line: 1 }));
    assert_eq!(hits.line(Category::ILLEGAL), None);
}

#[test]
fn exceptions_and_weights_decide_in_their_order_within_one_category() {
    for (first, second, blocked) in [
        (BLOCK, EXCEPT, false),
        (IMPORTANT_BLOCK, EXCEPT, true),
        (IMPORTANT_BLOCK, IMPORTANT_EXCEPT, false),
        (BLOCK, IMPORTANT_EXCEPT, false),
    ] {
        for (one, other) in [("example.com", "sub.example.com"), ("sub.example.com", "example.com")] {
            let image = image(&[
                Line(one, Reach::Subtree, first, "games"),
                Line(other, Reach::Subtree, second, "games"),
                Line("example.com", Reach::Subtree, BLOCK, "news"),
            ]);
            let expected = if blocked { vec!["games", "news"] } else { vec!["news"] };
            let mut found = categories(&image, "sub.example.com");
            found.sort_unstable();
            assert_eq!(found, expected, "{first:?} {second:?} {one}");
        }
    }
}

#[test]
fn an_exception_lifts_blocks_of_its_own_list_alone() {
    for (first, second, blocked_by) in [
        (BLOCK, EXCEPT, Some("one")),
        (BLOCK, IMPORTANT_EXCEPT, Some("one")),
        (EXCEPT, BLOCK, Some("two")),
        (IMPORTANT_EXCEPT, IMPORTANT_BLOCK, Some("two")),
        (EXCEPT, IMPORTANT_EXCEPT, None),
        (BLOCK, BLOCK, Some("one")),
        (BLOCK, IMPORTANT_BLOCK, Some("two")),
    ] {
        let mut writer = ImageWriter::default();
        let (host, category) = (&Host::parse("example.com").unwrap(), Category::parse("games").unwrap());
        for (id, (effect, weight)) in [("one", first), ("two", second)] {
            let list = writer.list(new_list(id, Timestamp(7))).unwrap();
            writer.push(list, NewEntry { host, reach: Reach::Subtree, effect, weight, category, line: 1 });
        }
        let image = Image::from_bytes(writer.finish().unwrap()).unwrap();
        let hits = image.lookup(host);
        let line = hits.line(category).map(|line| line.list.to_string());
        assert_eq!(line.as_deref(), blocked_by, "{first:?} {second:?}");
        assert_eq!(hits.is_empty(), blocked_by.is_none());
    }
}

#[test]
fn nothing_excepts_illegal_content() {
    let image = image(&[
        Line("example.com", Reach::Subtree, BLOCK, "illegal"),
        Line("example.com", Reach::Subtree, IMPORTANT_EXCEPT, "illegal"),
    ]);
    assert_eq!(categories(&image, "www.example.com"), ["illegal"]);
}

#[test]
fn what_says_nothing_new_is_not_kept() {
    let image = image(&[
        Line("example.com", Reach::Subtree, BLOCK, "games"),
        Line("www.example.com", Reach::Exact, BLOCK, "games"),
        Line("a.b.example.com", Reach::Subtree, BLOCK, "games"),
        Line("example.com", Reach::Exact, BLOCK, "games"),
        Line("b.example.com", Reach::Subtree, BLOCK, "news"),
    ]);
    assert_eq!((image.names(), image.lists()[0].names), (2, 2));
    assert_eq!(categories(&image, "a.b.example.com"), ["games", "news"]);
}

#[test]
fn the_table_comes_back_and_the_time_of_reading_is_no_part_of_the_revision() {
    let at = |at| {
        let mut writer = ImageWriter::default();
        writer.list(new_list("one", at)).unwrap();
        Image::from_bytes(writer.finish().unwrap()).unwrap()
    };
    let (first, second) = (at(Timestamp(5)), at(Timestamp(6)));
    assert_eq!(first.revision(), second.revision());
    assert_eq!(second.lists()[0].read_at, Timestamp(6));
    assert_eq!(&*second.lists()[0].dropped[0].0, "no host name");
    assert_eq!(first.revision().len(), 16);
    assert!(Image::empty().lookup(&Host::parse("example.com").unwrap()).is_empty());
}

/// The same lines, read with hashes of which only these bits are left.
fn with_colliding_hashes<T>(mask: u64, read: impl FnOnce() -> T) -> T {
    hash::MASK.set(mask);
    let result = read();
    hash::MASK.set(u64::MAX);
    result
}

/// Names that are made by number, with a line in each of so many lists.
fn numbered_image(names: u32, lists: u16, lines_of: impl Fn(u32) -> Vec<u16>) -> Image {
    let mut writer = ImageWriter::default();
    let lists: Vec<_> = (0..lists)
        .map(|number| writer.list(new_list(&format!("list-{number}"), Timestamp(7))).unwrap())
        .collect();
    for number in 0..names {
        let host = &Host::parse(&format!("n{number}.example.com")).unwrap();
        for list in lines_of(number) {
            let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
            let category = Category::parse("games").unwrap();
            writer.push(
                lists[usize::from(list)],
                NewEntry { host, reach, effect, weight, category, line: number },
            );
        }
    }
    Image::from_bytes(writer.finish().unwrap()).unwrap()
}

#[test]
fn names_whose_hashes_collide_are_told_apart_by_their_text() {
    let games = Category::parse("games").unwrap();
    for mask in [0, 1, 0xff, 0xff00_0000_0000_0000, 0xf000_0000_0000_0003] {
        with_colliding_hashes(mask, || {
            let image = numbered_image(120, 3, |number| vec![u16::try_from(number % 3).unwrap()]);
            assert_eq!(image.names(), 120);
            for number in 0..120 {
                let host = Host::parse(&format!("www.n{number}.example.com")).unwrap();
                let hits = image.lookup(&host);
                let line = hits.line(games).unwrap();
                assert_eq!((line.list.as_str(), line.line), (&*format!("list-{}", number % 3), number));
                assert_eq!(hits.name(games).unwrap(), format!("n{number}.example.com"));
            }
            for number in 120..150 {
                let host = Host::parse(&format!("n{number}.example.com")).unwrap();
                let hits = image.lookup(&host);
                assert_eq!(hits.line(games), None, "{number} is not listed: {mask:x}");
            }
        });
    }
}

#[test]
fn more_sets_than_have_numbers_are_read_from_the_reasons() {
    // 400 lists two at a time: more pairs than numbers.
    let pair =
        |number: u32| [number / 400 % 400, number % 400].map(|list| u16::try_from(list).unwrap()).to_vec();
    let image = numbered_image(80_000, 400, pair);
    assert_eq!(image.names(), 80_000);
    for number in (0..80_000).step_by(997) {
        let host = Host::parse(&format!("n{number}.example.com")).unwrap();
        let hits = image.lookup(&host);
        let first = *pair(number).iter().min().unwrap();
        let line = hits.line(Category::parse("games").unwrap()).unwrap();
        assert_eq!((line.list.as_str(), line.line), (&*format!("list-{first}"), number));
    }
}

#[test]
fn the_memory_of_an_image_is_that_of_its_parts() {
    let image = numbered_image(10_000, 1, |_| vec![0]);
    let memory = image.memory();
    assert!((7 * 10_000..12 * 10_000).contains(&memory.hot_bytes), "{memory:?}");
    assert!((8 * 10_000..25 * 10_000).contains(&memory.reasons_bytes), "{memory:?}");
    assert!(memory.private_bytes < 10_000, "{memory:?}");
}

#[test]
fn a_cut_or_other_version_of_an_image_is_refused_with_its_reason() {
    let good = bytes_of(&[Line("example.com", Reach::Subtree, BLOCK, "games")]);
    let mut newer = good.clone();
    newer[8] = 9;
    for (bytes, expected) in [
        (b"hello".to_vec(), "other bytes"),
        (newer, "found version 9"),
        (good[..50].to_vec(), "found 50"),
        (good[..good.len() - 1].to_vec(), "bytes, found"),
    ] {
        let error = Image::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn any_line() -> impl Strategy<Value = Line> {
    let name = prop::sample::select(vec![
        "example.com",
        "www.example.com",
        "a.www.example.com",
        "example.org",
        "x.example.org",
        "com",
        "198.51.100.7",
    ]);
    let reach = prop::sample::select(vec![Reach::Exact, Reach::Subtree]);
    let voice = prop::sample::select(vec![BLOCK, EXCEPT, IMPORTANT_BLOCK, IMPORTANT_EXCEPT]);
    let category = prop::sample::select(vec!["illegal", "games", "news"]);
    (name, reach, voice, category)
        .prop_map(|(name, reach, voice, category)| Line(name, reach, voice, category))
}

/// Lines, each with the list it is in.
fn any_lines() -> impl Strategy<Value = Vec<(usize, Line)>> {
    prop::collection::vec((0..LISTS.len(), any_line()), 0..20)
}

const LISTS: [&str; 3] = ["one", "two", "three"];

fn bytes_of_lists(lines: &[(usize, Line)]) -> Vec<u8> {
    let mut writer = ImageWriter::default();
    let lists = LISTS.map(|id| writer.list(new_list(id, Timestamp(7))).unwrap());
    for (line, (list, Line(name, reach, (effect, weight), category))) in (1..).zip(lines) {
        let (reach, effect, weight) = (*reach, *effect, *weight);
        let (host, category) = (&Host::parse(name).unwrap(), Category::parse(category).unwrap());
        writer.push(lists[*list], NewEntry { host, reach, effect, weight, category, line });
    }
    writer.finish().unwrap()
}

/// The rule as a person would read it out, with no cleverness: for each category the lists that put the host there.
fn naive(lines: &[(usize, Line)], host: &Host) -> Vec<(Category, Vec<usize>)> {
    let speaks = |line: &Line| match line.1 {
        Reach::Exact => Host::parse(line.0).as_ref() == Ok(host),
        Reach::Subtree => Host::parse(line.0).as_ref() == Ok(host) || host.is_at_or_below(line.0),
    };
    let blocks = |category: Category, list: usize| {
        let of = lines.iter().filter(|(of, line)| *of == list && line.3 == category.slug());
        let of = of.filter(|(_, line)| line.2.0 == Effect::Block || category != Category::ILLEGAL);
        let said: Vec<_> = of.filter(|(_, line)| speaks(line)).map(|(_, line)| line.2).collect();
        let order = [IMPORTANT_EXCEPT, IMPORTANT_BLOCK, EXCEPT, BLOCK];
        order
            .into_iter()
            .find(|voice| said.contains(voice))
            .is_some_and(|(effect, _)| effect == Effect::Block)
    };
    Category::all()
        .map(|category| {
            (category, (0..LISTS.len()).filter(|list| blocks(category, *list)).collect::<Vec<_>>())
        })
        .filter(|(_, lists)| !lists.is_empty())
        .collect()
}

fn agrees_with_a_reading(lines: &[(usize, Line)]) -> Result<(), TestCaseError> {
    let image = Image::from_bytes(bytes_of_lists(lines)).unwrap();
    for text in
        ["example.com", "www.example.com", "b.a.www.example.com", "x.example.org", "org", "198.51.100.7"]
    {
        let host = Host::parse(text).unwrap();
        let (hits, expected) = (image.lookup(&host), naive(lines, &host));
        let named = |category: &Category| hits.line(*category).is_some();
        let categories: Vec<Category> = hits.categories().iter().filter(named).collect();
        prop_assert_eq!(categories, expected.iter().map(|(category, _)| *category).collect::<Vec<_>>());
        for (category, lists) in expected {
            let line = hits.line(category).unwrap();
            let list = LISTS.iter().position(|id| *id == line.list.as_str()).unwrap();
            prop_assert!(lists.contains(&list), "{} {:?}", text, line);
            let Line(name, _, (effect, _), of) = &lines[usize::try_from(line.line).unwrap() - 1].1;
            prop_assert_eq!(
                (Some((*name).into()), *effect, *of),
                (hits.name(category), Effect::Block, category.slug())
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_lookup_agrees_with_a_reading_line_by_line(lines in any_lines()) {
        agrees_with_a_reading(&lines)?;
    }

    #[test]
    fn a_lookup_agrees_also_where_hashes_collide(lines in any_lines(), mask in prop::sample::select(vec![0, 1, 3, 0x8000_0000_0000_0001])) {
        with_colliding_hashes(mask, || agrees_with_a_reading(&lines))?;
    }

    #[test]
    fn the_order_of_entries_makes_no_difference(lines in prop::collection::vec(any_line(), 0..12)) {
        let write = |rows: &mut dyn Iterator<Item = (u32, &Line)>| {
            let mut writer = ImageWriter::default();
            let list = writer.list(new_list("one", Timestamp(7))).unwrap();
            for (line, Line(name, reach, (effect, weight), category)) in rows {
                let (reach, effect, weight) = (*reach, *effect, *weight);
                let (host, category) = (&Host::parse(name).unwrap(), Category::parse(category).unwrap());
                writer.push(list, NewEntry { host, reach, effect, weight, category, line });
            }
            writer.finish().unwrap()
        };
        let numbered: Vec<_> = (1..).zip(&lines).collect();
        let forward = write(&mut numbered.iter().copied());
        prop_assert_eq!(forward, write(&mut numbered.iter().rev().copied()));
    }

    #[test]
    fn arbitrary_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Image::from_bytes(bytes.clone()).is_err());
        let mut dressed = layout::MAGIC.to_vec();
        dressed.extend_from_slice(&layout::VERSION.to_le_bytes());
        dressed.extend(bytes);
        prop_assert!(Image::from_bytes(dressed).is_err());
    }

    #[test]
    fn one_changed_byte_is_always_noticed(at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut bytes = bytes_of(&[Line("example.com", Reach::Subtree, BLOCK, "games")]);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(Image::from_bytes(bytes).is_err());
    }
}

#[test]
fn a_host_of_a_batch_is_found_as_by_itself_and_by_another_images_trail_too() {
    let block = |name| Line(name, Reach::Subtree, BLOCK, "games");
    let (image, other) =
        (image(&[block("example.com"), block("198.51.100.7")]), image(&[block("example.org")]));
    let names = ["www.example.com", "example.org", "198.51.100.7", "com", "a.b.c.d.e.f.g.example.com"];
    let hosts = names.map(|name| Host::parse(name).unwrap());
    let batch = || hosts.iter().flat_map(|host| [Some(host), None]);
    for with_reasons in [false, true] {
        for warmed in [&image, &other, &Image::empty()] {
            let mut room = Warming::default();
            warmed.warm(batch(), &mut room);
            if with_reasons {
                warmed.warm_reasons(&mut room);
            }
            for (place, host) in hosts.iter().enumerate() {
                for asked in [&image, &other] {
                    let expected = asked.lookup(host).categories();
                    // The place of no host has a trail of nobody, by which everybody is found.
                    for place in [2 * place, 2 * place + 1, 99] {
                        let found = asked.lookup_warmed(host, room.trail(place)).categories();
                        assert_eq!(found, expected, "{host} {place}");
                    }
                }
            }
        }
    }
    assert!(!image.lookup(&hosts[0]).is_empty() && image.lookup(&hosts[1]).is_empty());
}
