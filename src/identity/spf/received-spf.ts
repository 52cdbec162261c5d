// The Received-SPF field (RFC 7208 §9.1): what was checked and how it came out, for the trace of a message.

import type { SpfQuestion, SpfResult } from './spf.ts'

/** One folded field with its line end, ASCII. */
export function receivedSpf(question: SpfQuestion, result: SpfResult, receiver: string): Buffer {
  const pairs = [
    ['receiver', receiver],
    ['client-ip', question.ip],
    ['envelope-from', question.sender],
    ['helo', question.helo],
    ['identity', result.identity],
    ...(result.mechanism ? [['mechanism', result.mechanism]] : []),
  ] as const
  const comment = `(${receiver.replace(/[^\w.-]/g, '')}: ${COMMENTS[result.result]})`
  return Buffer.from(
    `Received-SPF: ${result.result} ${comment}${pairs.map(([key, value]) => `\r\n ${key}=${asValue(value!)};`).join('')}\r\n`,
    'latin1',
  )
}

const COMMENTS: Record<SpfResult['result'], string> = {
  pass: 'the domain permits this sender',
  fail: 'the domain does not permit this sender',
  softfail: 'the domain probably does not permit this sender',
  neutral: 'the domain asserts nothing about this sender',
  none: 'the domain publishes no policy',
  temperror: 'DNS gave no answer',
  permerror: 'the policy of the domain has an error',
}

/** dot-atom or quoted-string (§9.1 key-value-pair); what is no printable ASCII becomes '?', long text is cut. */
function asValue(text: string): string {
  const clean = text.slice(0, 320).replace(/[^\x20-\x7e]/g, '?')
  return /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(clean)
    ? clean
    : `"${clean.replace(/["\\]/g, '\\$&')}"`
}
