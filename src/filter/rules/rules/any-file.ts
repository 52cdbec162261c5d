// The form of most rules about attachments: one file that has a property is enough.

import type { Attachment } from '../attachments.ts'
import type { MailView } from '../view.ts'

/** A test that is true for the first attachment that has the property; its evidence, or the name of the file. */
export const anyFile =
  (test: (file: Attachment, mail: MailView) => boolean | string | undefined) =>
  (mail: MailView): string | undefined => {
    for (const file of mail.attachments) {
      const found = test(file, mail)
      if (found) return typeof found === 'string' ? found : file.name || file.declaredType
    }
    return undefined
  }
