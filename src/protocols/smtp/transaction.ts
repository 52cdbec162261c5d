// One mail transaction on the server's side: from MAIL to the end of the message (RFC 5321 §3.3).

import type { ReversePath } from '../../message/smtp-path.ts'
import { type Budget, ContentCollector, type ContentDefect } from './content.ts'
import type { Envelope, EnvelopeRecipient, MailParameters } from './envelope.ts'
import { REPLIES, type Reply } from './reply.ts'

const DEFECTS: Record<ContentDefect, Reply> = {
  'too-big': REPLIES.tooBig,
  'no-memory': REPLIES.noMemory,
  'bare-line-end': REPLIES.bareLineEndInData,
  nul: REPLIES.nulInData,
}

export class Transaction {
  readonly reversePath: ReversePath
  readonly parameters: MailParameters
  /** Those that were accepted. */
  readonly recipients: EnvelopeRecipient[] = []
  /** Present from DATA or the first BDAT or BURL on. */
  content: ContentCollector | undefined
  /** BURL commands so far. */
  urls = 0
  /** Why a part is missing: the message can come to nothing any more. */
  missing: Reply | undefined

  constructor(reversePath: ReversePath, parameters: MailParameters) {
    this.reversePath = reversePath
    this.parameters = parameters
  }

  /** Content follows, or goes on. */
  collect(maxBytes: number, budget: Budget): void {
    this.content ??= new ContentCollector(maxBytes, budget, this.parameters.sizeBytes, this.parameters.binary)
  }

  /** Why the message that is being put together will not be taken, whatever follows. */
  get refusal(): Reply | undefined {
    const defect = this.content?.defect
    return this.missing ?? (defect && DEFECTS[defect])
  }

  envelope(): Envelope {
    const { reversePath, recipients } = this
    const { body, smtputf8, ret, envid, requireTls, binary, hold, priority, deliverBy } = this.parameters
    return { reversePath, recipients, body, smtputf8, ret, envid, requireTls, binary, hold, priority, deliverBy }
  }
}
