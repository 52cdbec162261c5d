import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import { chart } from './chart.ts'
import { copiesOf, withCopies } from './copies.ts'
import { type Experiment, readExperiment } from './experiment.ts'
import { interval } from './interval.ts'
import { runExperiment } from './run.ts'
import { csvOf, pointsOf, renderTable } from './table.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'experiments')
const STEMS = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length))
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8')

function experiment(stem: string): Experiment {
  const found = readExperiment(read(`${stem}.yaml`))
  assert.ok(!Array.isArray(found), String(found))
  return found as Experiment
}

/** The same question, small: few agents, few messages, the ends of the axis. */
function small(all: Experiment): Experiment {
  const copies = Object.fromEntries(Object.keys(all.copies).map((id) => [id, 2]))
  const values = [all.axis.values[0]!, all.axis.values.at(-1)!]
  return { ...all, copies, messages: 40, repeats: 1, axis: { ...all.axis, values }, series: all.series.slice(0, 1) }
}

test('all five studies are there, with their numbers and plots', () => {
  assert.deepEqual(STEMS.sort(), ['adoption', 'border', 'forwarder', 'open-relays', 'outgoing'])
})

for (const stem of STEMS) {
  test(`${stem}: what is committed was run: a point for each series and value, and the plot is drawn from them`, () => {
    const all = experiment(stem)
    const points = pointsOf(all, read(`${stem}.csv`))
    assert.deepEqual(
      points.map(({ series, x }) => `${series} ${x}`),
      all.series.flatMap(({ name }) => all.axis.values.map((x) => `${name} ${x}`)),
    )
    assert.equal(csvOf(all, points), read(`${stem}.csv`))
    assert.equal(chart(all, points), read(`${stem}.svg`), `borderpost experiment experiments/${stem}.yaml`)
    for (const { values } of points) assert.ok(Object.values(values).every((value) => value >= 0))
  })

  test(`${stem}: a small version runs, and says the same with the same seed`, async () => {
    const little = small(experiment(stem))
    const seen: number[] = []
    const points = await runExperiment(little, (_, n) => seen.push(n))
    assert.deepEqual(seen, [1, 2])
    assert.match(points[0]!.eventLogHash, /^[0-9a-f]{64}$/)
    assert.deepEqual(await runExperiment({ ...little, axis: { ...little.axis, values: [points[0]!.x] } }), [points[0]])
    const text = renderTable(little, points)
    for (const { name } of little.measures) assert.ok(text.includes(name))
  })
}

test('a point of the committed study comes out again: open relays, all spam through the relay', async () => {
  const all = experiment('open-relays')
  const [series] = all.series
  const x = all.axis.values.at(-1)!
  const [again] = await runExperiment({ ...all, series: [series!], axis: { ...all.axis, values: [x] } })
  const kept = pointsOf(all, read('open-relays.csv')).find((point) => point.series === series!.name && point.x === x)!
  // What is measured may move a little when agents say something in other words; what it shows may not.
  for (const { name } of all.measures)
    assert.ok(Math.abs(again!.values[name]! - kept.values[name]!) <= 5, `${name}: ${JSON.stringify([again, kept])}`)
})

test('the same study at the coarse level, with populations, is near the fine one', async () => {
  const all = experiment('adoption')
  const [series] = all.series.filter(({ name }) => name.includes('p=reject'))
  const only = { ...all, repeats: 1, series: [series!], axis: { ...all.axis, values: [0, 100] } }
  const [none, full] = await runExperiment({ ...only, level: 'coarse', messages: 100_000 })
  const kept = pointsOf(all, read('adoption.csv')).filter((point) => point.series === series!.name)
  const { name } = all.measures[0]!
  assert.ok(Math.abs(none!.values[name]! - kept[0]!.values[name]!) < 15, JSON.stringify([none, kept[0]]))
  assert.ok(Math.abs(full!.values[name]! - kept.at(-1)!.values[name]!) < 15, JSON.stringify([full, kept.at(-1)]))
})

test('copies have names, addresses and people of their own', () => {
  const drawn = withCopies(
    [
      'Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@new ==> Recipient@bob',
      '',
      'sender: domain=sender.test, ip=127.0.10.1,',
      '        dmarc=reject',
      'new: domain=new.test',
      'anna: address=anna@sender.test',
    ].join('\n'),
    { sender: 3 },
  )
  const { actors, flows, findings } = parse(drawn).model
  assert.deepEqual(findings, [])
  assert.equal(flows.length, 3)
  const ids = actors.map(({ id }) => id)
  for (const id of [...copiesOf('sender', 3), ...copiesOf('anna', 3), 'new', 'bob']) assert.ok(ids.includes(id), id)
  assert.match(drawn, /^sender-3: domain=sender-3\.test, ip=127\.0\.10\.3,\n {8}dmarc=reject$/m)
  assert.match(drawn, /^anna-2: address=anna-2@sender-2\.test$/m)
  assert.throws(() => withCopies('Author ==> MSA@a', { b: 2 }), /Nobody in the drawing is called "b"/)
})

test('what is wrong with a file is told with its line', () => {
  const problems = readExperiment(
    ['title: A', 'question: B', 'system: C', 'mix: { honset: 50 }', 'axis: { name: x, values: [] }', 'lvel: fine'].join(
      '\n',
    ),
  ) as readonly string[]
  assert.ok(problems.includes('line 4: mix.honset: write one of honest, spam, forged, botnet, stolen, relayed'))
  assert.ok(problems.some((one) => one.startsWith('line 5: axis.values: ')))
  assert.ok(problems.some((one) => one.startsWith('line 6: lvel: write one of title, ')))
  assert.ok(problems.some((one) => one.startsWith('series: ')))
  assert.match((readExperiment('a: [') as readonly string[])[0]!, /at line 1/)
})

test('a plot has title, axes, units and a mark for each value, and says in words what it shows', () => {
  const all = { ...experiment('open-relays'), title: 'A & B' }
  const points = all.series.flatMap(({ name }) =>
    [0, 50, 100].map((x) => ({
      series: name,
      x,
      values: Object.fromEntries(all.measures.map((one) => [one.name, x / 3])),
      margins: {},
    })),
  )
  const svg = chart({ ...all, axis: { ...all.axis, values: [0, 50, 100] } }, points)
  assert.match(svg, /<title>A &amp; B<\/title>/)
  assert.match(svg, /<desc>[^<]+ from 0 % at 0 % to 33\.3+\d* % at 100 %/)
  assert.match(svg, /prefers-color-scheme:dark/)
  // One in the legend, three in each panel.
  assert.equal(svg.match(/<circle /g)!.length, 1 + 3 * all.measures.length)
  assert.ok(svg.includes(`${all.axis.name}, %</text>`))
  assert.deepEqual(
    pointsOf(all, csvOf(all, points)).map(({ x }) => x),
    points.map(({ x }) => x),
  )
  assert.ok(!svg.includes('confidence'))
})

test('a point that is run again and again has a mean and a margin, in table, file and plot', async () => {
  const little = { ...small(experiment('border')), messages: 30 }
  const [one] = await runExperiment(little)
  const points = await runExperiment({ ...little, repeats: 3 })
  assert.deepEqual(one!.margins, {})
  const { name } = little.measures[0]!
  const others = await Promise.all(
    ['1', '1/2', '1/3'].map((seed) => runExperiment({ ...little, seed, axis: { ...little.axis, values: [0] } })),
  )
  for (const measure of little.measures) {
    const all = others.map(([point]) => point!.values[measure.name]!)
    const { mean, margin } = interval(all)
    assert.ok(Math.abs(points[0]!.values[measure.name]! - mean) < 0.02, measure.name)
    assert.ok(Math.abs(points[0]!.margins[measure.name]! - margin!) < 0.05, measure.name)
  }
  assert.match(csvOf(little, points).split('\n')[0]!, /^series,x,Bad mail in an inbox,Bad mail in an inbox \(±\),/)
  assert.deepEqual(
    pointsOf(little, csvOf(little, points)),
    points.map(({ series, x, values, margins }) => ({ series, x, values, margins })),
  )
  const wide = points.map((point) => ({ ...point, values: { ...point.values, [name]: 50 }, margins: { [name]: 10 } }))
  assert.match(renderTable(little, wide), / 50 ± 10\n/)
  const svg = chart(little, wide)
  assert.equal(svg.match(/<path class="w" /g)!.length, 2)
  assert.match(svg, /95 % confidence intervals/)
})
