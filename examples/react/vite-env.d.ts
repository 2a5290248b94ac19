interface ImportMeta {
  readonly env: { readonly VITE_ISSUER: string; readonly VITE_API: string }
}
declare module '*.css'
