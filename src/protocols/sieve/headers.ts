// Tests on header fields (RFC 5228 §5.5, §5.7, §5.9), with index (RFC 5260 §6) and the parts of MIME (RFC 5703 §4).

import { allParts } from '../../message/mime.ts'
import { parseParameterized } from '../../message/parameters.ts'
import type { Checker } from './check.ts'
import { type Call, INDEX, MATCHING, MIME_OPTIONS, MIME_TAGS, type Spec } from './language.ts'
import { isMatch } from './match.ts'
import { decodedValue, type Field, fieldsOf } from './message.ts'
import type { Run } from './run.ts'

/** `:last` says something only beside `:index`, and the tags of MIME only beside `:mime`. */
export function checkIndex({ tags, at, spec }: Call, checker: Checker): void {
  if (tags.has('last') && !tags.has('index'))
    checker.fail(at, `the :last tag of the ${spec.name} ${spec.kind} cannot be specified without the :index tag`)
  const index = tags.get('index')
  if (index !== undefined && index !== true && index.kind === 'number' && index.number < 1)
    checker.fail(at, 'an :index counts from 1')
  for (const name of ['anychild', 'type', 'subtype', 'contenttype', 'param'])
    if (tags.has(name) && !tags.has('mime'))
      checker.fail(at, `the tag ':${name}' of the ${spec.name} ${spec.kind} needs :mime beside it`)
}

/** The fields of these names that a call looks at: of the message, or with `:mime` of the part under way. */
export function headerFields(run: Run, { tags }: Call, names: readonly string[]): Field[] {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const found = sources(run, tags).map((fields) => {
    run.charge(fields.length)
    return fields.filter(({ lowerName }) => wanted.has(lowerName))
  })
  const index = run.number(tags.get('index'))
  if (index === undefined) return found.flat()
  // Of each name the n-th (RFC 5260 §6).
  return found.flatMap((fields) =>
    [...wanted].flatMap((name) => {
      const ofName = fields.filter(({ lowerName }) => lowerName === name)
      const at = tags.has('last') ? ofName.length - index : index - 1
      return ofName[at] ?? []
    }),
  )
}

function sources(run: Run, tags: Call['tags']): (readonly Field[])[] {
  if (!tags.has('mime')) return [run.message.fields]
  const from = run.part ?? run.message.root
  if (!tags.has('anychild')) return [run.isLoopRoot(from) ? run.message.fields : fieldsOf(from.header)]
  const all = [...allParts(from)]
  run.charge(all.length * 100)
  return all.map((part) => (run.isLoopRoot(part) ? run.message.fields : fieldsOf(part.header)))
}

/** RFC 5703 §4.1: what of Content-Type, Content-Disposition and their like is compared. */
function optionValues(run: Run, { tags }: Call, field: Field): string[] {
  run.charge(field.value.length * 2)
  if (!['type', 'subtype', 'contenttype', 'param'].some((name) => tags.has(name))) return [decodedValue(field)]
  const { value, parameters } = parseParameterized(field.value)
  if (tags.has('param')) return run.texts(tags.get('param')).flatMap((name) => parameters[name.toLowerCase()] ?? [])
  const [type = '', ...rest] = value.trim().split('/')
  const subtype = rest.join('/')
  const isType = field.lowerName === 'content-type'
  // RFC 2045 §5.2: what is no type is text/plain.
  if (isType && (type === '' || rest.length === 0))
    return [tags.has('type') ? 'text' : tags.has('subtype') ? 'plain' : 'text/plain']
  if (tags.has('type')) return [type.trim()]
  if (tags.has('subtype')) return isType ? [subtype.trim()] : []
  return [isType ? `${type.trim()}/${subtype.trim()}` : type.trim()]
}

const UNITS = {
  over: (size: number, limit: number) => size > limit,
  under: (size: number, limit: number) => size < limit,
}

export const HEADERS: readonly Spec[] = [
  {
    name: 'header',
    kind: 'test',
    tags: { ...MATCHING, ...INDEX, ...MIME_TAGS, ...MIME_OPTIONS },
    args: [
      { label: 'header names', type: 'strings' },
      { label: 'key list', type: 'strings' },
    ],
    check(call, checker) {
      checkIndex(call, checker)
      return undefined
    },
    run(run, call) {
      const fields = headerFields(run, call, run.texts(call.args[0]))
      const values = fields.flatMap((field) => optionValues(run, call, field))
      return isMatch(run, call, values, run.texts(call.args[1]))
    },
  },
  {
    name: 'exists',
    kind: 'test',
    tags: MIME_TAGS,
    args: [{ label: 'header names', type: 'strings' }],
    check(call, checker) {
      checkIndex(call, checker)
      return undefined
    },
    run: (run, call) => run.texts(call.args[0]).every((name) => headerFields(run, call, [name]).length > 0),
  },
  {
    name: 'size',
    kind: 'test',
    tags: { over: { group: 'direction' }, under: { group: 'direction' } },
    args: [{ label: 'limit', type: 'number' }],
    check({ tags, at }, checker) {
      if (tags.size === 0) checker.fail(at, 'the size test needs :over or :under')
      return undefined
    },
    run: (run, { tags, args }) =>
      UNITS[tags.has('over') ? 'over' : 'under'](run.message.bytes.length, run.number(args[0])!),
  },
]
