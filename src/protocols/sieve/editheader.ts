// editheader (RFC 5293): fields are put in and taken out; what follows in the script sees the message so.

import { encodeWords, needsEncoding } from '../../message/encoded-word.ts'
import { parseHeader } from '../../message/header.ts'
import type { Checker } from './check.ts'
import { checkIndex } from './headers.ts'
import { type Call, constantText, constantTexts, MATCHING, type Spec } from './language.ts'
import { isMatch } from './match.ts'
import { decodedValue, type Field, fieldsOf } from './message.ts'
import type { Run } from './run.ts'

const FIELD_NAME = /^[!-9;-~]{1,100}$/

const FOLD_AT = 76

function checkName({ args }: Call, checker: Checker): void {
  const [name] = args
  for (const { source, at } of constantTexts(name))
    if (!FIELD_NAME.test(source)) checker.fail(at, `the field name '${source.slice(0, 60)}' is invalid`)
}

const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g
const isValue = (value: string) => value.replace(CONTROLS, '') === value

/** The bytes of a new field: encoded where it must be, folded where lines are long. */
function rawOf(name: string, value: string): Buffer {
  const flat = value.replace(/\s*[\r\n]+\s*/g, ' ').trim()
  const words = (needsEncoding(flat) ? encodeWords(flat) : flat).split(/(?<=\S)(?= +\S)/)
  let out = `${name}:`
  let length = out.length
  for (const [i, word] of words.entries()) {
    const text = i === 0 ? ` ${word}` : word
    if (i > 0 && length + text.length > FOLD_AT) {
      out += '\r\n'
      length = 0
    }
    out += text
    length += text.length
  }
  return Buffer.from(`${out}\r\n`)
}

function fieldOf(name: string, value: string): Field {
  return fieldsOf(parseHeader(rawOf(name, value)))[0]!
}

export const EDITHEADER: readonly Spec[] = [
  {
    name: 'addheader',
    kind: 'command',
    needs: ['editheader'],
    tags: { last: {} },
    args: [
      { label: 'field name', type: 'string' },
      { label: 'value', type: 'string' },
    ],
    check(call, checker) {
      checkName(call, checker)
      const value = constantText(call.args[1])
      if (value !== undefined && !isValue(value))
        checker.fail(
          call.args[1]!.at,
          `the value '${value.slice(0, 60).replace(/[\0-\x1f\x7f]/g, '')}' is invalid: it holds control characters`,
        )
      if (value !== undefined && Buffer.byteLength(value) > checker.limits.headerBytes)
        checker.fail(call.args[1]!.at, `the value is longer than ${checker.limits.headerBytes} bytes`)
      return undefined
    },
    run(run, { at, args, tags }) {
      const name = run.text(args[0])
      // What a stranger put into a variable must not make the script fail.
      const value = run.text(args[1]).replace(CONTROLS, ' ')
      if (!FIELD_NAME.test(name)) run.fail(at, `the field name '${name.slice(0, 60)}' is invalid`)
      if (Buffer.byteLength(value) > run.limits.headerBytes)
        run.fail(at, `the value of ${name} is longer than ${run.limits.headerBytes} bytes`)
      if (run.limits.keptFromAdding.has(name.toLowerCase())) return
      const { fields } = run.message
      run.charge(fields.length + value.length)
      const added = fieldOf(name, value)
      run.message = run.message.withFields(tags.has('last') ? [...fields, added] : [added, ...fields])
    },
  },
  {
    name: 'deleteheader',
    kind: 'command',
    needs: ['editheader'],
    tags: { ...MATCHING, index: { value: 'number' }, last: {} },
    args: [
      { label: 'field name', type: 'string' },
      { label: 'key list', type: 'strings', optional: true },
    ],
    check(call, checker) {
      checkIndex(call, checker)
      checkName(call, checker)
      return undefined
    },
    run(run, call) {
      const name = run.text(call.args[0])
      if (!FIELD_NAME.test(name)) run.fail(call.at, `the field name '${name.slice(0, 60)}' is invalid`)
      if (run.limits.keptFromDeleting.has(name.toLowerCase())) return
      const gone = new Set(chosen(run, call, run.message.named(name)))
      run.charge(run.message.fields.length)
      if (gone.size > 0) run.message = run.message.withFields(run.message.fields.filter((field) => !gone.has(field)))
    },
  },
]

function chosen(run: Run, call: Call, named: readonly Field[]): readonly Field[] {
  const index = run.number(call.tags.get('index'))
  const at = index === undefined ? undefined : call.tags.has('last') ? named.length - index : index - 1
  const candidates = at === undefined ? named : named.slice(Math.max(at, 0), at < 0 ? 0 : at + 1)
  if (call.args.length < 2) return candidates
  const keys = run.texts(call.args[1])
  if (call.tags.has('count')) return isMatch(run, call, candidates.map(decodedValue), keys) ? candidates : []
  return candidates.filter((field) => isMatch(run, call, [decodedValue(field)], keys))
}
