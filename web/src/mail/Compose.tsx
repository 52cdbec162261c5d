// Writing: kept as a draft while one writes, sent through EmailSubmission. Three answers arrive before it closes:
// stored, handed to the MSA, filed under Sent.

import { createSignal, For, onCleanup, onMount, Show } from 'solid-js'
import { readAddresses, size, writeAddress } from '../format.ts'
import { describeSetError, type Identity } from '../jmap.ts'
import { Icon } from '../parts/icons.tsx'
import { badAddresses, type Draft, type DraftFile, emailOf, isEmpty } from './draft.ts'
import { keepRecipients, suggestions } from './people.ts'
import type { Mail } from './state.ts'

const SAVE_AFTER_MS = 2000
const LOOK_AFTER_MS = 150

export function Compose(props: { mail: Mail; draft: Draft }) {
  const { mail } = props
  const [draft, setDraft] = createSignal(props.draft)
  const [status, setStatus] = createSignal('')
  const [error, setError] = createSignal('')
  const [isSending, setIsSending] = createSignal(false)
  const [isMore, setIsMore] = createSignal(props.draft.cc + props.draft.bcc !== '')
  let emailId = props.draft.emailId
  let saved = JSON.stringify(props.draft)
  let timer = 0
  let saving: Promise<void> = Promise.resolve()
  let toField!: HTMLInputElement
  let bodyField!: HTMLTextAreaElement

  const identity = (): Identity =>
    mail.identities().find(({ id }) => id === draft().identityId) ?? mail.identities()[0]!
  const change = (patch: Partial<Draft>): void => {
    setDraft({ ...draft(), ...patch })
    setStatus('')
    clearTimeout(timer)
    timer = window.setTimeout(() => void save(), SAVE_AFTER_MS)
  }

  const before = document.activeElement
  onCleanup(() => before instanceof HTMLElement && before.focus())
  onMount(() => {
    if (props.draft.to === '') toField.focus()
    else {
      bodyField.focus()
      bodyField.setSelectionRange(0, 0)
    }
  })
  onCleanup(() => clearTimeout(timer))
  const beforeUnload = (event: BeforeUnloadEvent): void => {
    if (JSON.stringify(draft()) !== saved && !isSending()) event.preventDefault()
  }
  window.addEventListener('beforeunload', beforeUnload)
  onCleanup(() => window.removeEventListener('beforeunload', beforeUnload))

  /** Stores the draft in place of the one stored before. One save at a time. */
  function save(): Promise<void> {
    clearTimeout(timer)
    saving = saving.then(async () => {
      const text = JSON.stringify(draft())
      const folder = mail.byRole('drafts')
      if (text === saved || !folder || isEmpty(draft(), identity())) return
      setStatus('Saving …')
      try {
        const create = { d: emailOf(draft(), identity(), folder.id) }
        const answer = await mail.jmap.set('Email/set', { create, destroy: emailId ? [emailId] : [] })
        emailId = answer.created.d.id
        saved = text
        setStatus('Saved as a draft')
      } catch (failure) {
        setStatus('')
        setError(`Not saved: ${(failure as Error).message}`)
      }
    })
    return saving
  }

  async function send(): Promise<void> {
    setError('')
    const bad = badAddresses(draft())
    if (bad.length > 0) return void setError(`This is no address: ${bad.join(', ')}`)
    if (readAddresses(draft().to + draft().cc + draft().bcc).length === 0)
      return void setError('Nobody to send to: fill in To, Cc or Bcc.')
    setIsSending(true)
    clearTimeout(timer)
    await saving
    try {
      await submit()
      // Nobody waits for it, and nothing is lost without it.
      keepRecipients(mail.jmap, draft().to, draft().cc, draft().bcc).catch(() => {})
      mail.compose(undefined)
      mail.say({ text: 'Sent.' })
    } catch (failure) {
      setError(`Not sent: ${(failure as Error).message}`)
    } finally {
      setIsSending(false)
      mail.refresh()
    }
  }

  async function submit(): Promise<void> {
    const [drafts, sent] = [mail.byRole('drafts')!, mail.byRole('sent')!]
    const { origin } = draft()
    const filed = { [`mailboxIds/${drafts.id}`]: null, [`mailboxIds/${sent.id}`]: true, 'keywords/$draft': null }
    const [stored, submitted] = await mail.jmap.call(
      ['Email/set', { create: { m: emailOf(draft(), identity(), drafts.id) }, destroy: emailId ? [emailId] : [] }],
      [
        'EmailSubmission/set',
        { create: { s: { emailId: '#m', identityId: identity().id } }, onSuccessUpdateEmail: { '#s': filed } },
      ],
    )
    if (stored.notCreated) throw new Error(describeSetError(stored.notCreated.m))
    emailId = stored.created.m.id
    saved = JSON.stringify(draft())
    if (submitted.notCreated) throw new Error(describeSetError(submitted.notCreated.s))
    if (origin) await mail.setKeyword([origin.emailId], origin.keyword, true)
  }

  async function close(): Promise<void> {
    await save()
    mail.compose(undefined)
    mail.refresh()
  }

  async function discard(): Promise<void> {
    if (!isEmpty(draft(), identity()) && !confirm('Discard this draft?')) return
    clearTimeout(timer)
    await saving
    if (emailId) await mail.jmap.set('Email/set', { destroy: [emailId] }).catch(mail.fail)
    mail.compose(undefined)
    mail.refresh()
  }

  async function addFiles(files: FileList | undefined | null): Promise<void> {
    for (const file of files ?? []) {
      setStatus(`Uploading ${file.name} …`)
      try {
        const { blobId } = await mail.jmap.upload(file)
        const added: DraftFile = {
          blobId,
          name: file.name,
          type: file.type || 'application/octet-stream',
          size: file.size,
        }
        change({ files: [...draft().files, added] })
      } catch (failure) {
        setError(`${file.name}: ${(failure as Error).message}`)
      }
    }
    setStatus('')
  }

  const [found, setFound] = createSignal<readonly string[]>([])
  let looking = 0
  /** What is in the contacts for what is being typed; the last question's answer counts. */
  function lookUp(field: string): void {
    clearTimeout(looking)
    looking = window.setTimeout(() => {
      const mine = looking
      suggestions(mail.jmap, field).then(
        (people) => mine === looking && setFound(people),
        () => setFound([]),
      )
    }, LOOK_AFTER_MS)
  }
  onCleanup(() => clearTimeout(looking))
  const type = (name: 'to' | 'cc' | 'bcc', value: string): void => {
    change({ [name]: value })
    lookUp(value)
  }

  /** From the contacts, and from the messages of the list. */
  const knownPeople = () => {
    const people = new Map<string, string>()
    for (const { email } of mail.list.rows().values())
      for (const address of [...(email.from ?? []), ...(email.to ?? [])])
        people.set(address.email.toLowerCase(), writeAddress(address))
    return [...new Set([...found(), ...people.values()])]
  }

  return (
    <section
      class="compose"
      role="dialog"
      aria-label="Write a message"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void addFiles(event.dataTransfer?.files)
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') void close()
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void send()
      }}
    >
      <header class="compose-head">
        <h2>{draft().subject || 'New message'}</h2>
        <span class="quiet" role="status">
          {status()}
        </span>
        <button type="button" class="icon-button" aria-label="Save as a draft and close" onClick={() => void close()}>
          <Icon name="close" />
        </button>
      </header>
      <div class="fields">
        <Show when={mail.identities().length > 1}>
          <label for="from">From</label>
          <select
            id="from"
            value={identity().id}
            onChange={(event) => change({ identityId: event.currentTarget.value })}
          >
            <For each={mail.identities()}>{(one) => <option value={one.id}>{writeAddress(one)}</option>}</For>
          </select>
        </Show>
        <label for="to">To</label>
        <div class="to-line">
          <input
            id="to"
            ref={toField}
            list="people"
            autocomplete="off"
            value={draft().to}
            onInput={(event) => type('to', event.currentTarget.value)}
          />
          <Show when={!isMore()}>
            <button type="button" class="plain" onClick={() => setIsMore(true)}>
              Cc Bcc
            </button>
          </Show>
        </div>
        <Show when={isMore()}>
          <label for="cc">Cc</label>
          <input
            id="cc"
            list="people"
            autocomplete="off"
            value={draft().cc}
            onInput={(event) => type('cc', event.currentTarget.value)}
          />
          <label for="bcc">Bcc</label>
          <input
            id="bcc"
            list="people"
            autocomplete="off"
            value={draft().bcc}
            onInput={(event) => type('bcc', event.currentTarget.value)}
          />
        </Show>
        <label for="subject">Subject</label>
        <input
          id="subject"
          value={draft().subject}
          onInput={(event) => change({ subject: event.currentTarget.value })}
        />
        <datalist id="people">
          <For each={knownPeople()}>{(person) => <option value={person} />}</For>
        </datalist>
      </div>
      <textarea
        ref={bodyField}
        class="compose-body"
        aria-label="Text"
        value={draft().body}
        onInput={(event) => change({ body: event.currentTarget.value })}
      />
      <Show when={draft().files.length > 0}>
        <ul class="files" aria-label="Attachments">
          <For each={draft().files}>
            {(file) => (
              <li>
                <span>
                  <Icon name="clip" />
                  <span class="file-name">{file.name}</span>
                  <span class="quiet">{size(file.size)}</span>
                  <button
                    type="button"
                    class="icon-button small"
                    aria-label={`Remove ${file.name}`}
                    onClick={() => change({ files: draft().files.filter((other) => other !== file) })}
                  >
                    <Icon name="close" />
                  </button>
                </span>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <p class="error" role="alert">
        {error()}
      </p>
      <footer class="compose-end">
        <button type="button" class="primary" disabled={isSending()} onClick={() => void send()}>
          <Icon name="sent" /> {isSending() ? 'Sending …' : 'Send'}
        </button>
        <label class="icon-button" title="Attach files">
          <Icon name="clip" />
          <input
            type="file"
            multiple
            class="hidden"
            aria-label="Attach files"
            onChange={(event) => void addFiles(event.currentTarget.files)}
          />
        </label>
        <span class="gap" />
        <button
          type="button"
          class="icon-button"
          aria-label="Discard the draft"
          title="Discard the draft"
          onClick={() => void discard()}
        >
          <Icon name="trash" />
        </button>
      </footer>
    </section>
  )
}
