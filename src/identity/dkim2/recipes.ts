// Recipes: how to make the former version of a message out of the present one (draft-ietf-dkim-dkim2-spec-06 §5).
// Applying one is linear and bounded: a copied range never goes back, so nothing can grow but by what the recipe itself
// holds. Making one compares line by line.

import { isUtf8 } from 'node:buffer'
import { type Content, isUnsigned, trimmedLength } from './content.ts'

type RecipeStep = { readonly c: readonly [start: number, end: number] } | { readonly d: readonly string[] }

export interface Recipe {
  readonly h?: Readonly<Record<string, readonly RecipeStep[]>>
  /** null: the former body cannot be recreated. */
  readonly b?: readonly RecipeStep[] | null
}

const CRLF = Buffer.from('\r\n')
const MAX_STEPS = 100_000

/** Reads the JSON of r=; undefined where it is not what the schema of §5 allows. */
export function parseRecipe(json: string): Recipe | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!isObject(value) || (value.h === undefined && value.b === undefined)) return undefined
  const { h, b } = value
  if (h !== undefined) {
    if (!isObject(h)) return undefined
    for (const [name, steps] of Object.entries(h)) if (name !== name.toLowerCase() || !areSteps(steps)) return undefined
  }
  if (b !== undefined && b !== null && !areSteps(b)) return undefined
  return value as Recipe
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function areSteps(value: unknown): value is RecipeStep[] {
  if (!Array.isArray(value) || value.length > MAX_STEPS) return false
  let last = 0
  return value.every((step) => {
    if (!isObject(step)) return false
    const { c, d, ...more } = step
    if (Object.keys(more).length > 0 || (c === undefined) === (d === undefined)) return false
    if (Array.isArray(d)) return d.length > 0 && d.every((text) => typeof text === 'string' && !/[\r\n]/.test(text))
    if (!Array.isArray(c) || c.length !== 2 || !c.every(Number.isSafeInteger)) return false
    const [start, end] = c as [number, number]
    // §5.1, §5.2: each range begins after all before it.
    if (start <= last || end < start) return false
    last = end
    return true
  })
}

/** The former version; undefined where the recipe asks for what is not there. */
export function applyRecipe(content: Content, recipe: Recipe): Content | undefined {
  const fields = new Map(content.fields)
  for (const [name, steps] of Object.entries(recipe.h ?? {})) {
    if (isUnsigned(name)) continue
    const values = fields.get(name) ?? []
    const former: string[] = []
    for (const step of steps) {
      if ('d' in step) former.push(...step.d.map(canonicalValue))
      else if (step.c[1] > values.length) return undefined
      else for (let n = step.c[0]; n <= step.c[1]; n++) former.push(values[n - 1]!)
    }
    if (former.length > 0) fields.set(name, former)
    else fields.delete(name)
  }
  if (recipe.b === null || content.body === undefined) return { fields, body: undefined }
  if (recipe.b === undefined) return { fields, body: content.body }
  const body = formerBody(content.body, recipe.b)
  return body && { fields, body }
}

/** §5.1: a value that a recipe holds, in the form that is hashed: the bytes of its UTF-8, white space collapsed. */
function canonicalValue(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '')
}

function formerBody(body: Buffer, steps: readonly RecipeStep[]): Buffer | undefined {
  const pieces: Buffer[] = []
  /** Number of the line that begins at `at`. */
  let line = 1
  let at = 0
  const skipTo = (wanted: number): boolean => {
    for (; line < wanted; line++) {
      if (at >= body.length) return false
      const lineEnd = body.indexOf(CRLF, at)
      at = lineEnd < 0 ? body.length : lineEnd + 2
    }
    return true
  }
  for (const step of steps) {
    if ('d' in step) {
      for (const text of step.d) pieces.push(Buffer.from(`${text}\r\n`))
      continue
    }
    if (!skipTo(step.c[0])) return undefined
    const start = at
    if (!skipTo(step.c[1] + 1)) return undefined
    const copied = body.subarray(start, at)
    pieces.push(copied)
    if (copied.length < 2 || !copied.subarray(-2).equals(CRLF)) pieces.push(CRLF)
  }
  return Buffer.concat(pieces)
}

/** More than this of a former body is not carried along: the recipe then says that it cannot be recreated. */
const MAX_LITERAL_BYTES = 65_536
/** A line is not looked for further ahead than this, so that one match cannot pass over all the others. */
const MAX_AHEAD = 500

/**
 * The recipe that makes `former` out of `present`. An empty object when nothing that is hashed was changed; undefined
 * when a former header field cannot be told in JSON (§5: for header fields there is no way to say so).
 */
export function makeRecipe(former: Content, present: Content): Recipe | undefined {
  const h: Record<string, readonly RecipeStep[]> = {}
  for (const name of new Set([...former.fields.keys(), ...present.fields.keys()])) {
    const before = former.fields.get(name) ?? []
    const now = present.fields.get(name) ?? []
    if (before.length === now.length && before.every((value, k) => value === now[k])) continue
    const steps = stepsBetween(before, now)
    if (!steps) return undefined
    h[name] = steps
  }
  const b = bodyRecipe(former.body, present.body)
  return { ...(Object.keys(h).length > 0 ? { h } : {}), ...(b === undefined ? {} : { b }) }
}

function bodyRecipe(former: Buffer | undefined, present: Buffer | undefined): readonly RecipeStep[] | null | undefined {
  if (!former || !present) return null
  const before = former.subarray(0, trimmedLength(former))
  const now = present.subarray(0, trimmedLength(present))
  if (before.equals(now)) return undefined
  const lines = (body: Buffer) => (body.length === 0 ? [] : body.toString('latin1').split('\r\n'))
  return stepsBetween(lines(before), lines(now)) ?? null
}

/** Lines (Latin-1 of bytes) of `before` as copies out of `now`, and as text where they are not there any more. */
function stepsBetween(before: readonly string[], now: readonly string[]): RecipeStep[] | undefined {
  const places = new Map<string, number[]>()
  now.forEach((line, index) => {
    const known = places.get(line)
    if (known) known.push(index)
    else places.set(line, [index])
  })
  const cursors = new Map<string, number>()
  const steps: ({ c: [number, number] } | { d: string[] })[] = []
  let next = 0
  let literalBytes = 0
  for (const line of before) {
    const at = nextPlace(places.get(line), cursors, line, next)
    const last = steps.at(-1)
    if (at !== undefined) {
      if (last && 'c' in last && last.c[1] === at) last.c[1] = at + 1
      else steps.push({ c: [at + 1, at + 1] })
      next = at + 1
      continue
    }
    const bytes = Buffer.from(line, 'latin1')
    literalBytes += bytes.length + 2
    if (literalBytes > MAX_LITERAL_BYTES || !isUtf8(bytes) || /[\r\n]/.test(line)) return undefined
    const text = bytes.toString('utf8')
    if (last && 'd' in last) last.d.push(text)
    else steps.push({ d: [text] })
  }
  return steps
}

/** The first place of a line at or after `next`, and near it. The cursor of each line only moves on: linear in all. */
function nextPlace(
  places: readonly number[] | undefined,
  cursors: Map<string, number>,
  line: string,
  next: number,
): number | undefined {
  if (!places) return undefined
  let cursor = cursors.get(line) ?? 0
  while (cursor < places.length && places[cursor]! < next) cursor++
  cursors.set(line, cursor)
  const at = places[cursor]
  return at !== undefined && at - next <= MAX_AHEAD ? at : undefined
}
