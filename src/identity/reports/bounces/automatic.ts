// Automatic answers (RFC 3834, RFC 5703 vacation): somebody is away, and the message is there. They are told from bounces
// by their fields, and by how they are named where the fields say nothing.

import { decodeEncodedWords } from '../../../message/encoded-word.ts'
import { firstValue, type Header } from '../../../message/header.ts'
import type { Prose } from './prose.ts'
import type { BouncedRecipient } from './read.ts'

const SUBJECT =
  /^\s*(?:auto(?:matic|matisch\w*|matique|matica|m[áa]tica)?[- ]?(?:reply|response|respon\w*|antwort|re)?\s?[:!]|out of (?:the )?office|vacation|away from|i am away|abwesen|absen|r[ée]ponse automatique|respuesta autom|risposta automatica|resposta autom|automatis\w{2} (?:svar|antwoord)|autosvar|odpowiedź automatyczna|automatická odpověď|automaattinen|automatikus válasz|otomatik yanıt|автоматический ответ|автоответ|자동 ?(?:회신|응답)|自動(?:応答|返信)|自动(?:回复|答复)|on leave)/i
const FIELDS = [
  'x-autoreply',
  'x-autorespond',
  'x-autoresponder',
  'x-auto-response-suppress',
  'x-apple-action',
  'x-cron-env',
]

/** Who answered, where this is an automatic answer and no bounce. */
export function automaticAnswer(header: Header, prose: Prose): BouncedRecipient | undefined {
  const said = (name: string) => firstValue(header, name) ?? ''
  if (firstValue(header, 'x-failed-recipients') !== undefined) return undefined
  const from = /[^\s<>()",;:@]{1,100}@[A-Za-z0-9.-]{1,255}/.exec(said('from'))?.[0]
  if (!from || /^(?:mailer-?daemon|postmaster)@/i.test(from)) return undefined
  const isMarked =
    /^auto-(?:replied|generated|notified)/i.test(said('auto-submitted')) ||
    FIELDS.some((name) => firstValue(header, name) !== undefined) ||
    /^(?:auto_?reply|bulk|junk)$/i.test(said('precedence').trim())
  const isNamed = SUBJECT.test(decodeEncodedWords(said('subject')))
  if (
    !isNamed &&
    !(isMarked && /^re:|^aw:|^\s*$/i.test(said('subject'))) &&
    !/^auto-replied/i.test(said('auto-submitted'))
  )
    return undefined
  return {
    address: from,
    action: 'delivered',
    reason: 'auto-reply',
    status: '',
    isHard: false,
    diagnostic: prose.text.replace(/\s+/g, ' ').trim().slice(0, 300),
    remoteHost: '',
  }
}
