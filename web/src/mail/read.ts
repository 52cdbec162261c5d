// Fetches what the reader shows.

import { type Answer, type Email, type Jmap, READ_PROPERTIES } from '../jmap.ts'

const MAX_BODY_BYTES = 1_000_000

export async function fetchEmails(jmap: Jmap, ids: readonly string[]): Promise<Email[]> {
  const [answer]: Answer[] = await jmap.call([
    'Email/get',
    {
      ids,
      properties: READ_PROPERTIES,
      fetchTextBodyValues: true,
      fetchHTMLBodyValues: true,
      maxBodyValueBytes: MAX_BODY_BYTES,
    },
  ])
  return answer.list
}

/** The pictures that came with the message, as data URLs by Content-ID. */
export async function inlineImages(jmap: Jmap, email: Email): Promise<Map<string, string>> {
  const parts = email.attachments.filter(
    (part) => part.cid !== null && part.blobId !== null && /^image\/(png|jpe?g|gif|webp|avif|bmp)$/.test(part.type),
  )
  const entries = await Promise.all(
    parts.map(async (part): Promise<[string, string] | undefined> => {
      const response = await fetch(jmap.downloadUrl(part.blobId!, 'inline', part.type)).catch(() => undefined)
      if (!response?.ok) return undefined
      return [part.cid!, await dataUrl(await response.blob())]
    }),
  )
  return new Map(entries.filter((entry) => entry !== undefined))
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}
