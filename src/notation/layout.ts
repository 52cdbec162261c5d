// Where everything of a picture stands: flows are rows from left to right, networks are boxes around neighbours.
// Plain data (`Picture`), so that a live page can move messages along the hops and a message trace can be drawn too.
// Lengths are SVG user units (pixels at scale 1). Texts are measured by estimate, generously.

import { blockSize } from './block-size.ts'
import { describe } from './describe.ts'
import { ALL_LAYERS, type Layer, type LayerMark, layerMarks } from './layers.ts'
import { SIZE, textWidth, wrapText } from './measure.ts'
import type { Arrow, SystemModel } from './model.ts'
import { placeLayers } from './place-layers.ts'
import { isKnownRole, isUserRole } from './vocabulary.ts'

export type Point = [x: number, y: number]

export type PictureBlock = {
  id: string
  actor: string
  at?: string
  roles: string[]
  kind: 'user' | 'agent' | 'internet' | 'unknown'
  relays: number
  /** Relays and processes by name, for the role that they work for. */
  insides?: { role: string; ways: string[][] }[]
  /** The same number for all blocks of an actor that appears more than once. */
  tint?: number
  /** A short remark under the name, e.g. what a trace knows. */
  note?: string
  x: number
  y: number
  width: number
  height: number
}

export type PictureHop = {
  id: string
  from: string
  to: string
  arrow: Arrow
  /** From end to end; the points between are crossings of the Border. */
  points: Point[]
  /** Where it begins or ends in another row: the line that leads to its arrow. */
  stem?: Point[]
  label?: string
  /** Cannot be: a relationship across the Border. */
  wrong: boolean
}

export type PictureNetwork = { id: string; name: string; x: number; y: number; width: number; height: number }
type PictureBorder = { id: string; from: Point; to: Point; label: string }
/** A relationship that is not drawn as an arrow, as a curve below the row; four points of a cubic Bézier curve. */
type PictureRelation = { a: string; b: string; label: string; curve: [Point, Point, Point, Point] }
/** A machine, an organisation or a contract, as a bracket below its places. */
export type PictureLayer = { kind: Layer; label: string; from: number; to: number; y: number }
type PictureText = { lines: string[]; x: number; y: number; heading?: boolean }

export type Picture = {
  title: string
  description: string
  width: number
  height: number
  captions: PictureText[]
  networks: PictureNetwork[]
  blocks: PictureBlock[]
  hops: PictureHop[]
  borders: PictureBorder[]
  relations: PictureRelation[]
  layers: PictureLayer[]
}

/** One flow to be placed. A hop's missing end becomes a cloud, the open Internet. */
export type PictureRow = {
  caption?: string
  blocks: (Omit<PictureBlock, 'x' | 'y' | 'width' | 'height'> & { network?: string })[]
  hops: { id: string; from?: string; to?: string; arrow: Arrow; crossings: string[]; label?: string }[]
  relations: { a: string; b: string; label: string }[]
  layers?: LayerMark[]
  /** One more way of the flow above: some of its hops begin or end at blocks that are placed already. */
  isBranch?: boolean
}

/** The picture of a model: one row for each flow. */
export function layout(model: SystemModel, shown: ReadonlySet<Layer> = ALL_LAYERS): Picture {
  const shared = model.actors.filter((actor) => actor.at !== undefined && actor.blocks.length > 1)
  const tints = new Map(shared.map((actor, k) => [actor.id, k % 8]))
  const inferred = inferredByFlow(model)
  const layers = layerMarks(model, shown)
  const rows = model.flows.map((flow): PictureRow => {
    const caption =
      model.diagrams[flow.diagram]!.flows[0] === flow.index ? model.diagrams[flow.diagram]!.caption : undefined
    return {
      ...(caption === undefined ? {} : { caption }),
      isBranch: flow.branchOf !== undefined,
      // What several ways share is drawn with the first.
      blocks: flow.blocks
        .filter((block) => block.flow === flow.index)
        .map(({ id, actor, at, roles, relays, network, unknown, insides }) => ({
          id,
          actor,
          ...(at === undefined ? {} : { at }),
          roles,
          kind: unknown || !roles.some(isKnownRole) ? 'unknown' : roles.every(isUserRole) ? 'user' : 'agent',
          relays,
          ...(insides !== undefined && {
            insides: insides.map(({ role, ways }) => ({ role, ways: ways.map((way) => way.map(({ name }) => name)) })),
          }),
          ...(tints.has(actor) ? { tint: tints.get(actor)! } : {}),
          ...(network === undefined ? {} : { network }),
        })),
      hops: flow.hops
        .filter((hop) => hop.flow === flow.index)
        .map(({ id, from, to, arrow, crossings, condition }) => ({
          id,
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          arrow,
          ...(condition === undefined ? {} : { label: condition }),
          crossings: crossings.map((_, k) => `border:${id}${k === 0 ? '' : `:${k + 1}`}`),
        })),
      relations: inferred.get(flow.index) ?? [],
      layers: layers.get(flow.index) ?? [],
    }
  })
  const names = new Map(model.networks.map((network) => [network.id, network.name]))
  const title = model.title ?? 'An email system'
  // A title that is also the first caption is written once.
  const heading = model.title !== undefined && rows[0]?.caption?.startsWith(model.title) !== true
  return arrange(rows, names, { title, description: describe(model), heading })
}

/** Inferred relationships, drawn in the flow that made them known. */
function inferredByFlow(model: SystemModel): Map<number, PictureRow['relations']> {
  const flowOf = new Map(model.hops.map((hop) => [hop.id, hop.flow]))
  const out = new Map<number, PictureRow['relations']>()
  const places = new Map<number, Map<string, string>>()
  /** The first place of each actor in a flow. */
  const placesIn = (flow: number) => {
    const known =
      places.get(flow) ?? new Map(model.flows[flow]!.blocks.toReversed().map(({ actor, id }) => [actor, id]))
    places.set(flow, known)
    return known
  }
  for (const { a, b, inferred, hop } of model.relationships) {
    const flow = inferred ? model.flows[flowOf.get(hop ?? '') ?? -1] : undefined
    if (flow === undefined) continue
    const [from, to] = [placesIn(flow.index).get(a), placesIn(flow.index).get(b)]
    if (from === undefined || to === undefined) continue
    const row = out.get(flow.index) ?? []
    out.set(flow.index, row)
    row.push({ a: from, b: to, label: 'direct relationship, inferred' })
  }
  return out
}

/** Places rows below each other. `networks` gives names to the ids that blocks carry; `heading` shows the title. */
export function arrange(
  rows: PictureRow[],
  networks: Map<string, string>,
  text: { title: string; description: string; heading?: boolean },
): Picture {
  const picture: Picture = {
    title: text.title,
    description: text.description,
    width: 0,
    height: SIZE.margin,
    captions: [],
    networks: [],
    blocks: [],
    hops: [],
    borders: [],
    relations: [],
    layers: [],
  }
  if (text.heading) {
    const lines = wrapText(text.title, 640)
    picture.captions.push({ lines, x: SIZE.margin, y: picture.height + SIZE.font, heading: true })
    picture.height += lines.length * SIZE.caption + 18
  }
  const placed: Placed = new Map()
  for (let index = 0; index < rows.length; ) {
    let end = index + 1
    while (rows[end]?.isBranch) end++
    const least = roomForJoins(rows.slice(index, end), networks)
    for (const first = index; index < end; index++) {
      if (index > 0) picture.height += index > first ? SIZE.branchGap : SIZE.rowGap
      placeRow(picture, rows[index]!, networks, index, placed, least)
    }
  }
  for (const caption of picture.captions) {
    const longest = Math.max(...caption.lines.map((line) => textWidth(line, SIZE.font + 2)))
    picture.width = Math.max(picture.width, caption.x + longest)
  }
  picture.width = Math.ceil(Math.max(picture.width, 320) + SIZE.margin)
  picture.height = Math.ceil(picture.height + SIZE.margin)
  return picture
}

/** A flow of more ways is drawn as it comes. */
const MAX_TRIED_WAYS = 200
const TRIES = 4

/** How far to the right those places must stand at least where longer branches come back from below. */
function roomForJoins(rows: PictureRow[], networks: Map<string, string>): Map<string, number> {
  const least = new Map<string, number>()
  if (rows.length < 2 || rows.length > MAX_TRIED_WAYS) return least
  for (let k = 0; k < TRIES; k++) {
    const placed: Placed = new Map()
    const tried: Picture = {
      ...{ title: '', description: '', width: 0, height: 0, captions: [], networks: [] },
      ...{ blocks: [], hops: [], borders: [], relations: [], layers: [] },
    }
    for (const [index, row] of rows.entries()) placeRow(tried, row, networks, index, placed, least)
    const before = [...least.values()].reduce((sum, x) => sum + x, 0)
    for (const { from, to, crossings } of rows.flatMap(({ hops }) => hops)) {
      const [left, right] = [placed.get(from ?? ''), placed.get(to ?? '')]
      if (left === undefined || right === undefined || left.y + left.height / 2 <= right.y + right.height / 2 + 1)
        continue
      const room =
        SIZE.join + SIZE.turn + 30 + crossings.length * SIZE.crossing + right.x - (right.outer?.[0] ?? right.x)
      const wanted = (left.outer?.[1] ?? left.x + left.width) + room
      if (right.x < wanted) least.set(right.id, wanted)
    }
    if ([...least.values()].reduce((sum, x) => sum + x, 0) === before) break
  }
  return least
}

/** `outer`: from where to where its network's box reaches. */
type Node = PictureBlock & { network?: string; outer?: [left: number, right: number] }
/** Every block by its id, for branches that lead there. */
type Placed = Map<string, Node>

function placeRow(
  picture: Picture,
  row: PictureRow,
  names: Map<string, string>,
  index: number,
  placed: Placed,
  least: ReadonlyMap<string, number>,
) {
  const nodes: Node[] = row.blocks.map((block) => ({ ...block, x: 0, y: 0, ...blockSize(block) }))
  const hops = withClouds(row, nodes, index)
  const into = new Map(hops.map((hop) => [hop.to, hop]))

  const anchor = nodes[0] && placed.get(into.get(nodes[0].id)?.from ?? '')
  const leaves =
    anchor !== undefined && (anchor.network !== nodes[0]!.network || into.get(nodes[0]!.id)!.crossings.length > 0)
  let x: number =
    anchor === undefined
      ? SIZE.margin
      : leaves && anchor.outer !== undefined
        ? anchor.outer[1]
        : anchor.x + anchor.width
  nodes.forEach((node, k) => {
    const before = nodes[k - 1] ?? anchor
    const joined =
      k > 0 &&
      before !== undefined &&
      node.network !== undefined &&
      before.network === node.network &&
      !into.get(node.id)?.crossings.length
    if (before !== undefined) {
      const hop = into.get(node.id)
      x += Math.max(SIZE.gap, hop?.label === undefined ? 0 : textWidth(hop.label, SIZE.small) + 30)
      x += (hop?.crossings.length ?? 0) * SIZE.crossing
      if (!joined && before.network !== undefined) x += SIZE.networkPad
    }
    if (!joined && node.network !== undefined) x += SIZE.networkPad
    node.x = Math.max(x, least.get(node.id) ?? 0)
    x = node.x + node.width
  })

  const last = nodes.at(-1)
  const joins = last && placed.get(hops.find(({ from }) => from === last.id)?.to ?? '')
  if (joins !== undefined && anchor === undefined) {
    // It ends where it joins the flow above.
    const room = (joins.outer?.[0] ?? joins.x) - SIZE.gap - x
    if (room > 0) for (const node of nodes) node.x += room
  }

  if (row.caption !== undefined) placeCaption(picture, row.caption, x)
  const top = picture.height
  const tall = nodes.reduce((most, node) => Math.max(most, node.height), 0)
  const boxed = nodes.some((node) => node.network !== undefined)
  const stacked = nodes.some((node) => node.relays > 1) ? 10 : 0
  const middle = top + (boxed ? SIZE.networkLabel : 8) + stacked + tall / 2 + 6
  for (const node of nodes) node.y = middle - node.height / 2
  const here = new Set(nodes.map(({ id }) => id))
  const depth = row.relations.some(({ a, b }) => here.has(a) && here.has(b)) ? SIZE.relationDepth : 0
  const bottom = middle + tall / 2 + depth + 18

  const right = placeNetworks(picture, nodes, into, names, { top, bottom, index })
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const node of nodes) placed.set(node.id, node)
  for (const hop of hops) placeHop(picture, hop, placed, { top, bottom, ends: byId })
  for (const relation of row.relations) placeRelation(picture, relation, byId, bottom)
  for (const { network: _, outer: __, ...block } of nodes) picture.blocks.push(block)
  picture.width = Math.max(picture.width, right, x)
  picture.height = bottom + (hops.some((hop) => hop.crossings.length > 0) ? 34 : 0)
  placeLayers(picture, row.layers ?? [], byId)
}

type PlacedHop = PictureRow['hops'][number] & { from: string; to: string }

/** Adds a cloud for each missing end. */
function withClouds(row: PictureRow, nodes: Node[], index: number): PlacedHop[] {
  const cloud = (end: string): Node => ({
    id: `internet-${index + 1}-${end}`,
    actor: 'internet',
    roles: ['Internet'],
    kind: 'internet',
    relays: 1,
    x: 0,
    y: 0,
    width: 104,
    height: 64,
  })
  return row.hops.map((hop): PlacedHop => {
    let { from, to } = hop
    if (from === undefined) {
      const node = cloud('in')
      nodes.unshift(node)
      from = node.id
    }
    if (to === undefined) {
      const node = cloud('out')
      nodes.push(node)
      to = node.id
    }
    return { ...hop, from, to }
  })
}

function placeCaption(picture: Picture, caption: string, rowEnd: number) {
  const lines = wrapText(caption, Math.max(480, rowEnd - SIZE.margin))
  picture.captions.push({ lines, x: SIZE.margin, y: picture.height + SIZE.font })
  picture.height += lines.length * SIZE.caption + 12
}

/** Boxes around neighbours of one network. Returns the right end of the last. */
function placeNetworks(
  picture: Picture,
  nodes: Node[],
  into: Map<string, PlacedHop>,
  names: Map<string, string>,
  row: { top: number; bottom: number; index: number },
): number {
  let right = 0
  for (let k = 0; k < nodes.length; ) {
    const { network } = nodes[k]!
    let end = k + 1
    while (end < nodes.length && nodes[end]!.network === network && !into.get(nodes[end]!.id)?.crossings.length) end++
    if (network !== undefined) {
      const last = nodes[end - 1]!
      const name = names.get(network) ?? network
      const x = nodes[k]!.x - SIZE.networkPad
      // A name longer than its blocks pushes all that follows.
      const missing = textWidth(name, SIZE.font) + 28 - (last.x + last.width + SIZE.networkPad - x)
      if (missing > 0) for (const node of nodes.slice(end)) node.x += missing
      const width = last.x + last.width + SIZE.networkPad - x + Math.max(0, missing)
      if (missing > 0) for (const node of nodes.slice(k, end)) node.x += missing / 2
      const id = `${network}-row-${row.index + 1}${k === 0 ? '' : `-${k}`}`
      picture.networks.push({ id, name, x, y: row.top, width, height: row.bottom - row.top })
      for (const node of nodes.slice(k, end)) node.outer = [x, x + width]
      right = x + width
    }
    right = Math.max(right, nodes[end - 1]!.x + nodes[end - 1]!.width)
    k = end
  }
  return right
}

function placeHop(
  picture: Picture,
  hop: PlacedHop,
  nodes: Placed,
  row: { top: number; bottom: number; ends: Map<string, Node> },
) {
  const from = nodes.get(hop.from)!
  const to = nodes.get(hop.to)!
  const stack = from.relays > 1 ? 10 : 0
  const start = from.x + from.width / 2 + port(from) + stack + 6
  const end = to.x + to.width / 2 - port(to) - 6
  const [fromY, y] = [from.y + from.height / 2, to.y + to.height / 2]
  // Between rows a line leads from the block, or to it, at the side that is in the other row.
  const isElsewhere = fromY !== y
  const turn = row.ends.has(hop.to) ? start + SIZE.turn : end - SIZE.join
  const stem: Point[] = [
    [start, fromY],
    [turn, fromY],
    [turn, y],
  ]
  const points: Point[] = [[isElsewhere ? turn : start, y]]
  // The Border stands in the gap between the two networks, not in the middle of the arrow.
  const isJoin = isElsewhere && !row.ends.has(hop.to)
  const left = Math.max(
    isElsewhere && !isJoin ? turn : 0,
    (from.outer?.[1] ?? from.x + from.width) + (from.outer ? 0 : stack),
  )
  const right = isJoin ? turn : (to.outer?.[0] ?? to.x)
  hop.crossings.forEach((id, k) => {
    const x = left + ((right - left) * (k + 1)) / (hop.crossings.length + 1)
    if (!isJoin) points.push([x, y])
    const top = row.top - 6
    const bottom = row.bottom + 10
    const middle = isJoin ? fromY : y
    const lean = (at: number) => x + (SIZE.slant * (middle - at)) / ((bottom - top) / 2)
    picture.borders.push({ id, from: [lean(top), top], to: [lean(bottom), bottom], label: 'Border' })
  })
  points.push([end, y])
  const wrong = hop.crossings.length > 0 && hop.arrow !== 'flow'
  const label = hop.label === undefined ? {} : { label: hop.label }
  picture.hops.push({
    id: hop.id,
    from: hop.from,
    to: hop.to,
    arrow: hop.arrow,
    points,
    ...(isElsewhere && { stem }),
    ...label,
    wrong,
  })
}

function placeRelation(
  picture: Picture,
  relation: PictureRow['relations'][number],
  nodes: Map<string, Node>,
  bottom: number,
) {
  const a = nodes.get(relation.a)
  const b = nodes.get(relation.b)
  if (a === undefined || b === undefined) return
  const foot = (node: Node): Point => [node.x + node.width / 2, node.y + node.height + (node.kind === 'user' ? 2 : 5)]
  const [from, to] = [foot(a), foot(b)]
  // A cubic reaches three quarters of the way to its control points.
  const deep = (start: number) => start + (bottom - 28 - start) / 0.75
  const curve: PictureRelation['curve'] = [from, [from[0] + 14, deep(from[1])], [to[0] - 14, deep(to[1])], to]
  picture.relations.push({ ...relation, curve })
}

/** Half the width that arrows keep away from the middle of a block. */
function port(block: PictureBlock): number {
  return block.kind === 'user' ? SIZE.userRadius : block.width / 2
}
