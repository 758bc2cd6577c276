extends SceneTree
# Loads the scenes named after "--" and prints one JSON line of what the engine made of them.


func _init():
	var found = {}
	for name in OS.get_cmdline_args():
		if name.ends_with(".tscn"):
			found[name] = describe(load("res://" + name).instance())
	print("FOUND " + to_json(found))
	quit()


func describe(root):
	var layers = {}
	var objects = []
	for node in root.get_children():
		if node is TileMap:
			layers[node.name] = cells_of(node)
			continue
		for marker in node.get_children():
			var place = [marker.position.x, marker.position.y]
			objects.append([marker.get_meta("object_id"), marker.get_groups(), place])
	return {"layers": layers, "objects": objects, "meta": meta_of(root)}


func cells_of(tilemap):
	var tiles = tilemap.tile_set
	var cells = []
	for cell in tilemap.get_used_cells():
		var x = int(cell.x)
		var y = int(cell.y)
		var id = tilemap.get_cell(x, y)
		var flips = [
			tilemap.is_cell_x_flipped(x, y),
			tilemap.is_cell_y_flipped(x, y),
			tilemap.is_cell_transposed(x, y)
		]
		cells.append([x, y, id, flips])
	var shapes = []
	var moving = []
	for id in tiles.get_tiles_ids():
		if tiles.tile_get_shape_count(id) > 0:
			shapes.append([id, tiles.tile_get_shape_one_way(id, 0)])
		if tiles.tile_get_texture(id) is AnimatedTexture:
			moving.append([id, tiles.tile_get_texture(id).frames])
		if tiles.tile_get_texture(id) == null:
			push_error("no texture")
	return {"cells": cells, "shapes": shapes, "moving": moving, "meta": tiles.get_meta("tiles")}


func meta_of(node):
	var found = {}
	for key in node.get_meta_list():
		found[key] = node.get_meta(key)
	return found
