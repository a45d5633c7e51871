-- pandoc gives every line of code a link to itself, which nothing shows: a seventh of the pages.
-- Pictures and tables are as wide as the page on a phone.
local phone = [[<style>
@media (max-width: 700px) {
  img { max-width: 100%; height: auto; }
  #TOC { width: auto; }
  table, math[display="block"] { display: block; max-width: 100%; overflow-x: auto; }
}
</style>]]

local first = true

function CodeBlock(block)
  if #block.classes == 0 or not pandoc.write then return nil end
  -- pandoc writes the colours into the page where it sees code itself
  if first then
    first = false
    return nil
  end
  local html, links = pandoc.write(pandoc.Pandoc({ block }), "html"):gsub(
    ' id="cb%d+%-%d+"><a href="#cb%d+%-%d+"[^>]*></a>', ">")
  if links == 0 then return nil end
  return pandoc.RawBlock("html", (html:gsub(' id="cb%d+"', "")))
end

function Pandoc(doc)
  table.insert(doc.blocks, 1, pandoc.RawBlock("html", phone))
  return doc
end
