extends SceneTree
# Loads the scenes named after "--" and prints one JSON line of the animations the engine found.


func _init():
	var found = {}
	for name in OS.get_cmdline_args():
		if name.ends_with(".tscn"):
			found[name] = describe(load("res://" + name).instance())
	print("FOUND " + to_json(found))
	quit()


func describe(sprite):
	var frames = sprite.frames
	var animations = {}
	for name in frames.get_animation_names():
		var regions = []
		for index in frames.get_frame_count(name):
			var texture = frames.get_frame(name, index)
			var region = texture.region
			regions.append([region.position.x, region.position.y, region.size.x, region.size.y])
			if texture.atlas == null or texture.atlas.get_width() == 0:
				push_error("no texture")
		animations[name] = {
			"regions": regions,
			"speed": frames.get_animation_speed(name),
			"loop": frames.get_animation_loop(name)
		}
	var offset = [sprite.offset.x, sprite.offset.y]
	return {"kind": sprite.get_class(), "animations": animations, "offset": offset}
